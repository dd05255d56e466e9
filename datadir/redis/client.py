"""How is Redis reached, in as few wire requests as possible?

One implementation for the embedded Valkey and for a real Redis: both speak the same protocol, so there is no Protocol
class here. Only commands that Redis 7 and Valkey 9 both have are used. Every request is one entry in the ledger,
however many commands it carries, and ends within its deadline: hanging is `StoreTimeout`, anything else that keeps an
answer away is `StoreUnavailable`, a command that the server finds wrong is `StoreError` (a defect of the caller).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import sha1
from time import perf_counter
from typing import Any, Self, TypeVar

from redis import asyncio as driver
from redis import exceptions as failures

from datadir.circuit import READ_DEADLINE, Circuit
from datadir.errors import StoreError, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.names import StoreName
from datadir.redis import opening
from datadir.redis.cluster import Cluster
from datadir.redis.line import Argument, Command
from datadir.redis.node import Node
from datadir.redis.opening import OPEN_DEADLINE
from datadir.tls import TlsFiles

CONNECTIONS = 40
"""Connections for requests. Together with `LONG_READS` they are the seed's 50."""
WAITING = 400
"""Requests that may wait for a connection; one more is refused at once."""
LONG_READS = 10
"""Connections for `Redis.raw`: whoever waits for a message must not keep a request waiting."""

NO_FILES = TlsFiles(StoreName.REDIS)

Answer = TypeVar("Answer")

# Replies that speak of the server's state, not of the command: nothing is wrong with the caller.
_NOT_NOW = (
    failures.ClusterError,
    failures.ReadOnlyError,
    failures.OutOfMemoryError,
    failures.TryAgainError,
    failures.NoPermissionError,
)
_FAILURES = (failures.RedisError, failures.RedisClusterException, OSError)
_NOT_NOW_WORDS = ("MISCONF", "NOREPLICAS", "BUSY ", "UNKILLABLE")


class Script:
    """One Lua script, sent by its hash: `await script(keys, arguments)` is one wire request.

    All keys of one call carry the same hash tag. The answer is Redis' own: int, str, list, or None for Lua's nil and
    false.
    """

    __slots__ = ("_redis", "repeatable", "sha", "source")

    def __init__(self, redis: Redis, source: str, repeatable: bool) -> None:
        self._redis = redis
        self.source = source
        self.repeatable = repeatable
        self.sha = sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Any:
        """Run the script. StoreUnavailable, StoreTimeout; StoreError when the script itself fails."""
        replies = await self._redis.send([self.command(keys, arguments)], repeatable=self.repeatable)
        return replies[0]

    def command(self, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Command:
        """The command that runs this script, for a pipeline."""
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


class Pipeline:
    """Commands that travel together: one wire request, one entry in the ledger, answers in the order of the commands.

    Commands of others may run in between, unless the pipeline is `atomic` (MULTI/EXEC); an atomic one carries no
    scripts. No command may depend on the answer of another: a script that the server has forgotten is sent once more
    after the rest has run.
    """

    __slots__ = ("_atomic", "_commands", "_redis")

    def __init__(self, redis: Redis, *, atomic: bool) -> None:
        self._redis = redis
        self._atomic = atomic
        self._commands: list[Command] = []

    def command(self, *parts: Argument) -> Self:
        """Add a plain command, such as `("SET", key, value, "EX", 60)`."""
        self._commands.append(parts)
        return self

    def script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Self:
        """Add a script."""
        self._commands.append(script.command(keys, arguments))
        return self

    async def send(self) -> list[Any]:
        """Send all commands; an empty pipeline is no call. StoreError when any command is refused: the others ran."""
        return await self._redis.send(self._commands, atomic=self._atomic)


class Redis:
    """Sessions, presence, counters: values by key. Made by `open`, safe for any number of tasks."""

    def __init__(self, url: str, deadline: float = READ_DEADLINE, context: ssl.SSLContext | None = None) -> None:
        self.deadline = deadline
        """Seconds for one request, waiting for a free connection and its retry included."""
        self.circuit = Circuit(StoreName.REDIS, most=CONNECTIONS + WAITING)
        self._scripts: dict[str, Script] = {}
        self._by_source: dict[tuple[str, bool], Script] = {}
        # Waiting happens here and not inside the pool: until Python 3.13 its asyncio.Condition forgets the next waiter
        # when the one it has just woken gives up, and a free connection then serves nobody.
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._server: Node | Cluster = Node(url, CONNECTIONS, context)
        self.raw: driver.Redis = driver.Redis.from_pool(opening.pool(url, LONG_READS, context))
        """The driver's own client on connections of its own, for what waits longer than a request: reading streams
        and listening to channels. Not counted, no deadline, the driver's exceptions: `loaders/streams.py` and tests."""

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        scripts: Iterable[str] = (),
        within: float = OPEN_DEADLINE,
        deadline: float = READ_DEADLINE,
        tls: TlsFiles = NO_FILES,
    ) -> Redis:
        """Connect to `url` (redis://, rediss:// or unix://) and load `scripts`, so that each later run is one request.

        Waits up to `within` seconds for the first answer. StoreMisconfigured with a sentence for what is plainly wrong:
        address, password, permission, TLS, a server that is too old or not there; StoreUnavailable or StoreTimeout
        otherwise.
        """
        context = await opening.context_for(url, tls)
        try:
            redis = cls(url, deadline, context)
        except ValueError as wrong:
            raise opening.not_an_address() from wrong
        try:
            if await redis._is_of_a_cluster(within):
                await redis._reach_all_of_it(url, context, within)
            opening.checked(await redis.ping(within=within))
            await redis.load(scripts)
        except BaseException as failure:
            await redis.close()
            sentence = await opening.refusal(failure, url, tls, context)
            if sentence is not None:
                raise sentence from failure
            raise
        return redis

    async def close(self) -> None:
        """Close every connection."""
        await self._server.aclose()
        await self.raw.aclose()

    async def ping(self, *, within: float = READ_DEADLINE) -> str:
        """Which server answers, such as `valkey 9.1.2` or `redis 7.0.15 on 3 nodes`. Health, so not in the ledger."""
        about = await self._within(within, self._server.about)
        name = about.get("server_name", "redis")
        nodes = f" on {about['nodes']} nodes" if "nodes" in about else ""
        return f"{name} {about.get(f'{name}_version', about['redis_version'])}{nodes}"

    # Reading

    async def get(self, key: str) -> str | None:
        """The text under `key`."""
        texts: list[str | None] = await self.send([("GET", key)], repeatable=True)
        return texts[0]

    async def read_many(self, keys: Sequence[str]) -> list[str | None]:
        """The texts under `keys`, aligned with them, None where there is none. No keys: no call."""
        if not keys:
            return []
        texts: list[list[str | None]] = await self.send([("MGET", *keys)], repeatable=True)
        return texts[0]

    # Writing

    async def set(self, key: str, value: Argument, *, ttl: int | None = None, only_new: bool = False) -> bool:
        """Write one text for `ttl` seconds (None: for ever). False when `only_new` and the key was there."""
        expiry: Command = () if ttl is None else ("EX", ttl)
        condition: Command = ("NX",) if only_new else ()
        return bool(await self._one("SET", key, value, *expiry, *condition))

    async def write_hash(self, key: str, fields: Mapping[str, Argument], *, ttl: int) -> None:
        """Write fields of a hash and let it live `ttl` seconds, both or neither, in one request."""
        parts = [part for field in fields.items() for part in field]
        await self.send([("HSET", key, *parts), ("EXPIRE", key, ttl)], atomic=True)

    async def delete(self, *keys: str) -> int:
        """Delete keys of one hash tag; how many there were. No keys: no call."""
        if not keys:
            return 0
        gone: int = await self._one("DEL", *keys)
        return gone

    # Waiting

    async def next_of(self, key: str, *, within: float) -> str | None:
        """Take the first item of the list under `key`, waiting up to `within` seconds for one; None when none came. For
        background work: one of `LONG_READS` waits, and nothing is counted. StoreUnavailable, StoreTimeout."""
        try:
            async with asyncio.timeout(within + self.deadline):
                item: Any = await self.raw.blpop([key], timeout=within)
        except TimeoutError as late:
            raise StoreTimeout(StoreName.REDIS, f"redis did not answer within {within + self.deadline} s") from late
        except _FAILURES as failure:
            raise _translated(failure) from failure
        return None if item is None else str(item[1])

    # Several commands, scripts

    def pipeline(self, *, atomic: bool = False) -> Pipeline:
        """Commands that travel as one request."""
        return Pipeline(self, atomic=atomic)

    def script(self, source: str, *, repeatable: bool = False) -> Script:
        """The script with this source; asking twice gives the same. One that was not loaded costs one request more,
        once. `repeatable`: running it twice with the same arguments does no more than once."""
        script = self._by_source.get((source, repeatable))
        if script is None:
            script = self._by_source[source, repeatable] = Script(self, source, repeatable)
            self._scripts[script.sha] = script
        return script

    async def load(self, sources: Iterable[str]) -> None:
        """Give the server the scripts it will be asked to run. StoreMisconfigured where our user may not."""
        commands: list[Command] = [("SCRIPT", "LOAD", self.script(source).source) for source in sources]
        try:
            await self.send(commands, repeatable=True)
        except StoreUnavailable as failure:
            sentence = opening.permission(failure)
            if sentence is None:
                raise
            raise sentence from failure

    async def send(self, commands: Sequence[Command], *, atomic: bool = False, repeatable: bool = False) -> list[Any]:
        """Send commands as one request; what came back, in their order. No commands: no call. `repeatable`: sending
        them twice does no more than once, so a request that failed quickly is sent once more.

        A script that the server forgot (it was restarted) is loaded and run in a second request.
        """
        if not commands:
            return []
        replies = await self._counted(commands, atomic, repeatable)
        forgotten = [at for at, reply in enumerate(replies) if isinstance(reply, failures.NoScriptError)]
        if forgotten:
            sources = {str(commands[at][1]): self._scripts[str(commands[at][1])].source for at in forgotten}
            loads: list[Command] = [("SCRIPT", "LOAD", source) for source in sources.values()]
            second = await self._counted([*loads, *(commands[at] for at in forgotten)], atomic, repeatable)
            for at, reply in zip(forgotten, second[len(loads) :], strict=True):
                replies[at] = reply
        for reply in replies:
            if isinstance(reply, failures.ResponseError):
                raise _translated(reply) from reply
        return replies

    async def _one(self, *command: Argument) -> Any:
        replies = await self.send([command])
        return replies[0]

    async def _counted(self, commands: Sequence[Command], atomic: bool, repeatable: bool) -> list[Any]:
        """One wire request, or two. Refusals come back as values, in their command's place."""

        async def request(seconds: float) -> list[Any]:
            started = perf_counter()
            rows = nodes = 0
            try:
                replies, nodes = await self._within(seconds, lambda: self._server.exchange(commands, atomic))
                rows = sum(map(_rows, replies))
                return replies
            finally:
                count(StoreName.REDIS, started=started, rows=rows, fanout=nodes)

        if repeatable:
            return await self.circuit.read(request, self.deadline)
        with self.circuit.asked():
            return await request(self.deadline)

    async def _is_of_a_cluster(self, within: float) -> bool:
        about = await self._within(within, self._server.about)
        return about.get("redis_mode") == "cluster"

    async def _reach_all_of_it(self, url: str, context: ssl.SSLContext | None, within: float) -> None:
        """From here on every node is asked for what it has, and long reads go by the driver's own cluster client."""
        await self.close()
        self._server = Cluster(url, lambda place: Node(place, CONNECTIONS, context))
        self.raw = opening.cluster(url, LONG_READS, context)
        # Else a listener, which is not asked for anything first, would not find its node.
        await self._within(within, self.raw.initialize)

    async def _within(self, deadline: float, request: Callable[[], Awaitable[Answer]]) -> Answer:
        """Wait for a free connection and for the answer, both within the deadline, in the words of `datadir.errors`."""
        try:
            async with asyncio.timeout(deadline), self._slots:
                return await request()
        except TimeoutError as late:
            raise StoreTimeout(StoreName.REDIS, f"redis did not answer within {deadline} s") from late
        except _FAILURES as failure:
            raise _translated(failure) from failure


def _translated(failure: Exception) -> StoreError:
    if isinstance(failure, failures.TimeoutError):
        return StoreTimeout(StoreName.REDIS, "redis did not answer in time")
    if not isinstance(failure, failures.ResponseError) or isinstance(failure, _NOT_NOW):
        return StoreUnavailable(StoreName.REDIS)
    if str(failure).startswith(_NOT_NOW_WORDS):
        return StoreUnavailable(StoreName.REDIS)
    return StoreError(StoreName.REDIS, "redis refused a command")


def _rows(reply: object) -> int:
    """How many values a reply brings: of a list those that are there, of a hash one, of nothing none."""
    if isinstance(reply, list):
        return sum(item is not None for item in reply)
    if reply is None or isinstance(reply, bool | Exception) or reply == {}:
        return 0
    return 1
