"""Which node of a Redis Cluster has a key, and how does one request reach several nodes at once?

Each node is a `Node` with a pool of its own, so that a cluster is asked with the same care as a single server: waiting
for a connection instead of an error, atomic pipelines, one deadline around it all, nothing sent twice. redis-py's own
cluster client gives that up (its pools raise when they are full, its transactions stop the event loop) and serves long
reads only, `Redis.raw`.

A request is cut by key: what belongs to one node travels together, all nodes are asked at the same time, an MGET comes
back as one. Which node has which of the 16,384 slots is asked at the start, after a node has failed, and wherever a
node says that a key has moved; a command that was sent to the wrong node has not run and is sent to the right one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from redis import exceptions as failures
from redis.crc import key_slot

from datadir.redis.line import Command
from datadir.redis.node import Node

SLOTS: Final = 16384
ROUNDS: Final = 4
"""How often a command is sent on before the cluster counts as not available: it is being rearranged."""
_EVERY_KEY: Final = frozenset({"MGET", "DEL", "EXISTS", "TOUCH", "UNLINK"})
_SCRIPTS: Final = frozenset({"EVAL", "EVALSHA"})
_WITHOUT_KEY: Final = frozenset({"PING", "TIME"})
_EVERY_NODE: Final = frozenset({"SCRIPT"})

Place = tuple[str, int]
"""Host and port of a node."""


@dataclass(slots=True, eq=False)
class _Piece:
    """A command on its way to one node. `at` is its place in the request; of an MGET it has the keys at `places`."""

    at: int
    command: Command
    node: Place
    places: list[int] | None = None
    asking: bool = False
    reply: Any = None
    answered: bool = False


class Cluster:
    """The nodes that have the keys. `connect` makes the `Node` at a URL."""

    def __init__(self, url: str, connect: Callable[[str], Node]) -> None:
        self._url = urlsplit(url)
        self._connect = connect
        self._nodes: dict[Place, Node] = {}
        self._slots: list[Place] = []
        # Whether the slots have to be asked for again, and of whom last.
        self._outdated = True
        self._failed: set[Place] = set()
        self._learning = asyncio.Lock()
        self._first = (self._url.hostname or "localhost", self._url.port or 6379)
        self._node(self._first)

    async def exchange(self, commands: Sequence[Command], atomic: bool) -> tuple[list[Any], int]:
        """Send commands as one request; replies in their order, refusals as values, and how many nodes were asked. The
        keys of an atomic request lie in one slot, or it is refused as a whole."""
        await self._learn()
        if atomic and len({slot for command in commands for slot in slots_of(command)}) > 1:
            raise failures.ClusterCrossSlotError("the keys of an atomic request lie in several slots")
        pieces = [piece for at, command in enumerate(commands) for piece in self._pieces(at, command)]
        waiting, asked = pieces, 0
        for _ in range(ROUNDS):
            asked += await self._round(waiting, atomic)
            waiting = [piece for piece in waiting if self._has_moved(piece, atomic)]
            if not waiting:
                break
        for piece in waiting:
            piece.reply = failures.TryAgainError("the cluster is being rearranged")
        return _joined(commands, pieces), asked

    async def about(self) -> dict[str, Any]:
        """What the nodes say of themselves; as long as one of them does not answer, the cluster does not."""
        await self._learn()
        said = await asyncio.gather(*(self._node(place).about() for place in set(self._slots)))
        return {**said[0], "nodes": len(said)}

    async def aclose(self) -> None:
        """Close every connection to every node."""
        for node in self._nodes.values():
            await node.aclose()

    def _node(self, place: Place) -> Node:
        node = self._nodes.get(place)
        if node is None:
            node = self._nodes[place] = self._connect(self._address(place))
        return node

    def _address(self, place: Place) -> str:
        """The URL of a node: who we are is the same everywhere."""
        host, port = place
        who, at, _ = self._url.netloc.rpartition("@")
        return self._url._replace(netloc=f"{who}{at}{f'[{host}]' if ':' in host else host}:{port}").geturl()

    async def _learn(self) -> None:
        """Ask who has which slot, where that is not known or no longer right."""
        while self._outdated:
            async with self._learning:
                if self._outdated:
                    await self._ask_for_slots()

    async def _ask_for_slots(self) -> None:
        failure: Exception | None = None
        for place in sorted(self._nodes, key=lambda place: place in self._failed):
            try:
                [said], _ = await self._node(place).exchange([("CLUSTER", "SLOTS")], atomic=False)
                self._take(said, place)
            except (failures.RedisError, OSError) as error:
                failure = error
                self._failed.add(place)
            else:
                self._outdated = False
                self._failed.clear()
                await self._let_go()
                return
        raise failure or failures.ClusterError("no node is known")

    async def _let_go(self) -> None:
        """Of nodes that have left. The one that the address names stays: it may be a name for all of them."""
        for place in self._nodes.keys() - {self._first, *self._slots}:
            await self._nodes.pop(place).aclose()

    def _take(self, said: Any, answered: Place) -> None:
        if isinstance(said, Exception):
            raise said
        slots: list[Place] = [answered] * SLOTS
        covered = 0
        for first, last, (host, port, *_), *_ in said:
            # A node that does not know its own name says nothing: it is the one that answered.
            slots[first : last + 1] = [(host or answered[0], int(port))] * (last + 1 - first)
            covered += last + 1 - first
        if covered < SLOTS:
            raise failures.ClusterDownError(f"{SLOTS - covered} slots belong to no node")
        self._slots = slots

    def _pieces(self, at: int, command: Command) -> list[_Piece]:
        name = str(command[0]).upper()
        if name in _EVERY_NODE:
            return [_Piece(at, command, place) for place in sorted(set(self._slots))]
        slots = slots_of(command)
        if name != "MGET" or len(set(slots)) == 1:
            return [_Piece(at, command, self._slots[slots[0]] if slots else self._slots[0])]
        by_slot: dict[int, list[int]] = {}
        for place, slot in enumerate(slots):
            by_slot.setdefault(slot, []).append(place)
        return [
            _Piece(at, ("MGET", *(command[1 + place] for place in places)), self._slots[slot], places)
            for slot, places in by_slot.items()
        ]

    async def _round(self, pieces: Sequence[_Piece], atomic: bool) -> int:
        """Send each piece to its node, all nodes at once; how many those were."""
        by_node: dict[Place, list[_Piece]] = {}
        for piece in pieces:
            piece.answered = False
            by_node.setdefault(piece.node, []).append(piece)
        try:
            # Until all have answered: whoever goes on at the first failure leaves the others at work for nobody.
            ended = await asyncio.gather(
                *(self._send(place, group, atomic) for place, group in by_node.items()), return_exceptions=True
            )
        except asyncio.CancelledError:
            self._suspect(place for place, group in by_node.items() if not all(piece.answered for piece in group))
            raise
        failed = {place: error for place, error in zip(by_node, ended, strict=True) if error is not None}
        if failed:
            self._suspect(place for place, error in failed.items() if not isinstance(error, failures.ResponseError))
            raise next(iter(failed.values()))
        return len(by_node)

    async def _send(self, place: Place, pieces: Sequence[_Piece], atomic: bool) -> None:
        commands: list[Command] = []
        for piece in pieces:
            commands += [("ASKING",), piece.command] if piece.asking else [piece.command]
        try:
            replies, _ = await self._node(place).exchange(commands, atomic)
        except failures.AskError as moved:  # and MovedError: the first command of an atomic request that nothing ran of
            replies = [moved] * len(commands)
        answers = iter(replies)
        for piece in pieces:
            if piece.asking:
                next(answers)
            piece.reply = next(answers)
            piece.answered = True
            self._outdated |= isinstance(piece.reply, failures.ClusterDownError | failures.MovedError)

    def _suspect(self, places: Iterable[Place]) -> None:
        self._outdated = True
        self._failed.update(places)

    def _has_moved(self, piece: _Piece, atomic: bool) -> bool:
        """Whether the piece has to be sent on, and where to."""
        moved = piece.reply
        if not isinstance(moved, failures.AskError):  # MovedError is one
            return False
        piece.asking = not isinstance(moved, failures.MovedError)
        if piece.asking and atomic:
            # Asking holds for one command, and MULTI would be that one.
            piece.reply = failures.TryAgainError("the keys are on their way to another node")
            return False
        piece.node = (moved.host or piece.node[0], int(moved.port))
        if not piece.asking:
            self._slots[moved.slot_id] = piece.node
        return True


def slots_of(command: Command) -> list[int]:
    """The slots of the keys of a command, in their order; none where it has no key. The key of a command that is not
    named above is its first argument, as with nearly all of Redis' commands. A channel counts as one: every node hears
    what is said in it, and listeners go to the node of its slot, so that the number of those who heard is theirs."""
    name = str(command[0]).upper()
    keys = command[1:2]
    if name in _EVERY_NODE or name in _WITHOUT_KEY:
        keys = ()
    elif name in _EVERY_KEY:
        keys = command[1:]
    elif name in _SCRIPTS:
        keys = command[3 : 3 + int(command[2])]
    return [key_slot(key if isinstance(key, bytes) else str(key).encode()) for key in keys]


def _joined(commands: Sequence[Command], pieces: Sequence[_Piece]) -> list[Any]:
    """One reply for each command: of a command that was cut the values in their places, of one that went to every node
    the first refusal, else the first reply."""
    replies: list[Any] = [None] * len(commands)
    seen: set[int] = set()
    for piece in pieces:
        refused = isinstance(piece.reply, Exception)
        if piece.places is None:
            if piece.at not in seen or refused:
                replies[piece.at] = piece.reply
        elif refused or isinstance(replies[piece.at], Exception):
            replies[piece.at] = piece.reply if refused else replies[piece.at]
        else:
            if piece.at not in seen:
                replies[piece.at] = [None] * (len(commands[piece.at]) - 1)
            for place, value in zip(piece.places, piece.reply, strict=True):
                replies[piece.at][place] = value
        seen.add(piece.at)
    return replies
