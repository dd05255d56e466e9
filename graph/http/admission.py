"""Is there room for one more? A bounded number of operations at once, a short queue behind them, a bounded number of
sockets; whoever comes beyond that is told so at once, before a byte of what it asks is parsed.

One `Admission` for each worker. Every operation counts, whichever way it came: by HTTP, on a socket, as the begin of a
stream. What waits for a client (a body, the next event) is not under way and holds no place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Final

from graph.errors import RequestError

PATIENCE: Final = 1.0
"""Seconds for which an operation waits in the queue."""
RETRY_AFTER: Final = "1"
"""Seconds after which somebody who was refused may come again."""


def overloaded() -> RequestError:
    """The refusal."""
    sentence = "The server has as much to do as it can: come again in a moment."
    return RequestError("OVERLOADED", sentence, 503, {"retry-after": RETRY_AFTER})


class Admission:
    """The places of one worker: `most` operations at once, `queue` more that wait, `most_sockets` open sockets and
    streams. For one event loop."""

    __slots__ = ("_waiting", "most", "most_sockets", "queue", "shed", "shed_sockets", "sockets", "under_way")

    def __init__(self, *, most: int, queue: int, most_sockets: int) -> None:
        self.most = most
        self.queue = queue
        self.most_sockets = most_sockets
        self.under_way = 0
        self.sockets = 0
        # How many were refused since the start, for the metrics.
        self.shed = 0
        self.shed_sockets = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many operations wait for a place."""
        return len(self._waiting)

    def look(self) -> None:
        """Before a body is read: raises RequestError OVERLOADED where there is no room to wait either."""
        if self.under_way >= self.most and len(self._waiting) >= self.queue:
            self.shed += 1
            raise overloaded()

    async def enter(self) -> None:
        """Take a place, waiting a moment for one; `leave` gives it back. Raises RequestError OVERLOADED."""
        if self.under_way < self.most and not self._waiting:
            self.under_way += 1
            return
        self.look()
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await asyncio.wait_for(place, PATIENCE)
        except TimeoutError:
            self._give_up(place)
            self.shed += 1
            raise overloaded() from None
        except asyncio.CancelledError:
            self._give_up(place)
            raise

    def leave(self) -> None:
        """Give the place back: to whoever waits longest, where anybody does."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                # The place goes from hand to hand: `under_way` stays as it is.
                place.set_result(None)
                return
        self.under_way -= 1

    def _give_up(self, place: asyncio.Future[None]) -> None:
        # It may have been handed over at the very moment in which its owner went.
        if place.done() and not place.cancelled():
            self.leave()
        with suppress(ValueError):
            self._waiting.remove(place)

    def operation(self) -> Place:
        """`async with admission.operation(): ...` around one operation. Raises RequestError OVERLOADED."""
        return Place(self)

    def socket(self) -> Socket:
        """`with admission.socket(): ...` around one open socket or stream. Raises RequestError OVERLOADED."""
        return Socket(self)


class Place:
    """One operation's place."""

    __slots__ = ("_admission",)

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def __aenter__(self) -> None:
        await self._admission.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._admission.leave()


class Socket:
    """One socket's place."""

    __slots__ = ("_admission",)

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def __enter__(self) -> None:
        if self._admission.sockets >= self._admission.most_sockets:
            self._admission.shed_sockets += 1
            raise overloaded()
        self._admission.sockets += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._admission.sockets -= 1
