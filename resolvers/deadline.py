"""How long may an operation take, and what becomes of what it still waits for?

Every wait for a store happens `within` the operation's deadline. When that passes, whoever waits is called off, its
store call with it, and nothing more is asked: each field that is not there yet fails with OutOfTime, all that are there
are answered. One timer serves the whole operation; a wait costs it an entry in a set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from resolvers.errors import OutOfTime

T = TypeVar("T")


class Deadline:
    """That of one operation. Whoever made one with seconds ends it with `over`, or with `call_off`."""

    __slots__ = ("_timer", "_waiting", "passed")

    def __init__(self, seconds: float | None = None) -> None:
        """From now on; without `seconds` it passes never."""
        self.passed = False
        self._waiting: set[asyncio.Task[Any]] = set()
        self._timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._pass)

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

    def ends(self, task: asyncio.Task[Any]) -> None:
        """This task of the operation, for which others wait within the deadline, is called off with them."""
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def over(self) -> None:
        """The operation is answered."""
        if self._timer is not None:
            self._timer.cancel()

    def call_off(self) -> None:
        """Nobody wants the answer any more: end all that is still under way, tasks of dataloaders included."""
        self.over()
        for task in list(self._waiting):
            task.cancel()

    def _pass(self) -> None:
        self.passed = True
        # Whoever was called off no longer stands among those who wait: so they know it was the deadline.
        called_off, self._waiting = self._waiting, set()
        for task in called_off:
            task.cancel()
