"""How do many follow one thing that changes? One look a second for all of them, as long as anybody follows.

What is watched is a set of records by name. Each change of a record has a position; the last of them are remembered, so
that who was away or is slow is told what came between, or that it is too much.
"""

from __future__ import annotations

import asyncio
import contextvars
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, TypeVar

Record = TypeVar("Record")

SECONDS: Final = 1.0
MOST_REMEMBERED: Final = 1_000
# A position from which no changes lead on.
NOWHERE: Final = -1


@dataclass(frozen=True, slots=True)
class Change(Generic[Record]):
    """What became of one record: None where it was not there before, or is no more."""

    before: Record | None
    after: Record | None


@dataclass(frozen=True, slots=True)
class Told(Generic[Record]):
    """What a follower hears: `whole` at the beginning, or `again` where it lost its place; else `changes`, by name.

    `dropped` is how many changes are not among them, because a later one of the same record took their place."""

    position: int
    whole: Mapping[str, Record] | None = None
    changes: Mapping[str, Change[Record]] | None = None
    again: bool = False
    dropped: int = 0


class Watch(Generic[Record]):
    """What this process watches of one kind. Positions are its own: `epoch` tells them from another process's.

    `same` is what counts of a record: it changed where that differs."""

    def __init__(
        self, same: Callable[[Record], Any], *, seconds: float = SECONDS, most_remembered: int = MOST_REMEMBERED
    ) -> None:
        self.epoch = secrets.token_hex(8)
        self._same = same
        self._seconds = seconds
        self._whole: dict[str, Record] = {}
        self._position = 0
        self._changes: deque[tuple[str, Change[Record]]] = deque(maxlen=most_remembered)
        self._followers = 0
        self._task: asyncio.Task[None] | None = None
        # Whether the running task has looked: what an earlier one saw may be long ago.
        self._looked = False
        self._failure: Exception | None = None
        self._turn = asyncio.Event()

    async def follow(
        self, look: Callable[[], Awaitable[Mapping[str, Record]]], after: int | None = None
    ) -> AsyncGenerator[Told[Record], None]:
        """First what there is, then each change; with `after`, changes from that position on. Raises what `look` does.

        Nothing waits for a slow follower: it hears less, in one piece."""
        self._followers += 1
        try:
            if self._task is None:
                self._start(look)
            while not self._looked:
                await self._turned()
            position = self._position if after is None else after
            if after is None:
                yield Told(position, dict(self._whole))
            while True:
                while self._position == position:
                    await self._turned()
                told = self._since(position)
                position = told.position
                yield told
        finally:
            self._followers -= 1
            if not self._followers:
                await self._stop()

    def _since(self, position: int) -> Told[Record]:
        missed = self._position - position
        if not 0 <= missed <= len(self._changes):
            return Told(self._position, dict(self._whole), again=True)
        merged: dict[str, Change[Record]] = {}
        for name, change in islice(self._changes, len(self._changes) - missed, None):
            merged[name] = Change(merged.pop(name, change).before, change.after)
        changes = {name: each for name, each in merged.items() if self._differs(each)}
        return Told(self._position, changes=changes, dropped=missed - len(changes))

    def _differs(self, change: Change[Record]) -> bool:
        if change.before is None or change.after is None:
            return change.before is not change.after
        return bool(self._same(change.before) != self._same(change.after))

    def _start(self, look: Callable[[], Awaitable[Mapping[str, Record]]]) -> None:
        self._looked, self._failure = False, None
        # In a context of its own: what it asks is nobody's operation.
        self._task = asyncio.get_running_loop().create_task(
            self._look_on(look), name="watch", context=contextvars.Context()
        )

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _look_on(self, look: Callable[[], Awaitable[Mapping[str, Record]]]) -> None:
        first = self._position == 0 and not self._whole
        try:
            while True:
                self._take(await look(), first)
                first = False
                await asyncio.sleep(self._seconds)
        except Exception as error:
            self._task, self._failure = None, error
            self._turn_over()

    def _take(self, now: Mapping[str, Record], first: bool) -> None:
        before = self._position
        if not first:
            for name in {**self._whole, **now}:
                change = Change(self._whole.get(name), now.get(name))
                if self._differs(change):
                    self._position += 1
                    self._changes.append((name, change))
        self._whole = dict(now)
        if not self._looked or self._position != before:
            self._looked = True
            self._turn_over()

    def _turn_over(self) -> None:
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    async def _turned(self) -> None:
        if self._failure is None:
            await self._turn.wait()
        if self._failure is not None:
            raise self._failure
