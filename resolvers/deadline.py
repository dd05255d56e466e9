"""How long may an operation take, and what becomes of what it still waits for?

Every wait for a store happens `within` the operation's deadline. When that passes, whoever waits is called off, its
store call with it, and nothing more is asked: each field that is not there yet fails with OutOfTime, all that are there
are answered. One timer serves the whole operation; a wait costs it an entry in a set.

An operation that is slow also listens for whether anybody still waits for its answer, if its transport can tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from resolvers.errors import OutOfTime

T = TypeVar("T")

Gone = Callable[[], Coroutine[Any, Any, None]]
"""Returns once nobody waits for the answer any more."""

LISTEN_AFTER: Final = 0.1
"""Seconds after which an operation is slow. Those that are quicker, which is nearly all, pay nothing for listening."""


class Deadline:
    """That of one operation. Whoever made one with seconds ends it with `over`, or with `call_off`."""

    __slots__ = ("_abandoned", "_gone", "_listening", "_rest", "_task", "_timer", "_waiting", "passed")

    def __init__(self, seconds: float | None = None) -> None:
        """From now on; without `seconds` it passes never."""
        self.passed = False
        self._waiting: set[asyncio.Task[Any]] = set()
        self._gone: Gone | None = None
        self._task: asyncio.Task[Any] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._abandoned = False
        self._timer: asyncio.TimerHandle | None = None
        # What is left of it when it turns out to be slow; None from then on.
        self._rest: float | None = None
        if seconds is not None:
            quick = min(seconds, LISTEN_AFTER)
            self._rest = seconds - quick
            self._timer = asyncio.get_running_loop().call_later(quick, self._slow)

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` answers. Raises OutOfTime where the deadline comes first; after it `work` is not begun."""
        if self.passed:
            work.close()
            raise OutOfTime
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            return await work
        except asyncio.CancelledError:
            # Cancelled once, and by us; whoever else cancels the task is obeyed.
            if task not in self._waiting and task.cancelling() == 1:
                raise OutOfTime from None
            raise
        finally:
            if task in self._waiting:
                self._waiting.remove(task)
            else:
                task.uncancel()

    def heard_by(self, gone: Gone) -> None:
        """The task that calls this is cancelled where the operation is slow and `gone` returns: see `given_up`. Only
        for what may be broken off anywhere, and for a deadline with seconds."""
        self._gone, self._task = gone, asyncio.current_task()
        if self._rest is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen(gone))

    def given_up(self) -> bool:
        """Of a task that was cancelled: whether that was because nobody waits for the answer, and for nothing else.
        The task is cancelled no longer, then."""
        return self._abandoned and self._task is not None and self._task.uncancel() == 0

    def over(self) -> None:
        """The operation is answered."""
        if self._timer is not None:
            self._timer.cancel()
        if self._listening is not None:
            self._listening.cancel()

    def call_off(self) -> None:
        """Nobody wants the answer any more: end all that is still under way, tasks of dataloaders included."""
        self.over()
        for task in list(self._waiting):
            task.cancel()

    def _slow(self) -> None:
        assert self._timer is not None
        assert self._rest is not None
        loop = asyncio.get_running_loop()
        # From when it should have been: the loop may be late.
        self._timer = loop.call_at(self._timer.when() + self._rest, self._pass)
        self._rest = None
        if self._gone is not None:
            self._listening = loop.create_task(self._listen(self._gone))

    async def _listen(self, gone: Gone) -> None:
        await gone()
        self._abandoned = True
        assert self._task is not None
        self._task.cancel()

    def _pass(self) -> None:
        self.passed = True
        # Whoever was called off no longer stands among those who wait: so they know it was the deadline.
        called_off, self._waiting = self._waiting, set()
        for task in called_off:
            task.cancel()
