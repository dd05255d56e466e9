"""Who told us to stop, and who obeys? SIGINT and SIGTERM, heard from the first moment to the last.

The first order gives up what is being started, or lets running requests finish; then everything is put away in order,
and no further order cuts that short. Only SIGKILL does, after which the kernel ends the embedded servers.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType

Obey = Callable[[int], object]
"""Is told how many orders there have been."""


class Stopped(BaseException):
    """An order came where no event loop runs that could be told. No Exception: nothing may take it for a failure."""


class Orders:
    """The orders to stop while this is entered. `given` counts them; `reason` says why we end without having been
    told to."""

    def __init__(self) -> None:
        self.given = 0
        self.reason: str | None = None
        self._tell: Callable[[], None] | None = None

    def __enter__(self) -> Orders:
        # Not the event loop's own handlers: a loop that closes takes those away, with putting away still to be done.
        self._before = {number: signal.signal(number, self._heard) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            # Obeyed already: one more, while the interpreter ends, would make a death by signal of a clean ending.
            signal.signal(number, signal.SIG_IGN if self.given else handler)

    def end(self, reason: str) -> None:
        """Stop because of something that happened. In the event loop."""
        self.reason = reason
        self.given += 1
        if self._tell is not None:
            self._tell()

    def give(self) -> None:
        """One more order, from elsewhere than a signal. In the event loop."""
        self.given += 1
        if self._tell is not None:
            self._tell()

    def run(self, work: Coroutine[None, None, None], loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        """Run `work` in an event loop; the first order cancels it, until `obeyed_by` names somebody else."""

        async def watched() -> None:
            task = asyncio.current_task()
            assert task is not None
            self.obeyed_by(lambda given: task.cancel() if given == 1 else None)
            await work

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            try:
                runner.run(watched())
            except asyncio.CancelledError:
                if not self.given:
                    raise

    def obeyed_by(self, obey: Obey) -> None:
        """From now on `obey` is told, in the running loop. At once, where an order was given before."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop is closed: everything is being put away already
                loop.call_soon_threadsafe(lambda: obey(self.given))

        self._tell = tell
        if self.given:
            tell()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.given += 1
        if self._tell is not None:
            self._tell()
        elif self.given == 1:
            raise Stopped
