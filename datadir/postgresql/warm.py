"""What happens to a connection once nothing waits for it? For a moment it is kept, a lease's transaction unended.

While its lease goes on, it is that lease's: the next level reads in the same transaction. When the lease is over,
whoever goes on with it sends the commit together with its own begin. That saves messages to the server, and the pool's
bookkeeping, for each lease of a busy process. A snapshot that is `WARM` seconds old hinders no vacuum.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from datadir.postgresql.connection import Connection

if TYPE_CHECKING:
    from datadir.postgresql.lease import Lease

WARM: Final = 0.05
"""Seconds for which a connection waits."""


class Warm:
    """Connections, most of them in a transaction, that have nothing to do at present."""

    __slots__ = ("_ending", "_free", "_give_back", "_kept", "_loop", "_most", "_timer", "out", "seconds", "wanted")

    def __init__(self, most: int, give_back: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        """Of a pool of at most `most`. `give_back` ends a connection's transaction and returns it to the pool."""
        self.seconds = WARM
        self._most = most
        self._give_back = give_back
        self._loop = asyncio.get_running_loop()
        # Of leases that go on. The transaction has the lease's scope: only that lease may read in it.
        self._kept: dict[Lease, tuple[float, Connection]] = {}
        # Of leases that are over, and of others. The last one that came is the first to go on.
        self._free: list[tuple[float, Connection]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        # How many the pool has handed out.
        self.out = 0
        # How many wait for the pool: they come before whoever asks next.
        self.wanted = 0

    def keep(self, connection: Connection, lease: Lease | None = None) -> None:
        """The lease may go on with this connection soon; without one, whoever comes next."""
        now = self._loop.time()
        # One whose time is over (`opening.py`) goes to the pool, which replaces it.
        if self.wanted or now > connection.ends_at:
            self._end(connection)
            return
        if lease is None:
            self._free.append((now, connection))
        else:
            self._kept[lease] = now, connection
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._cool)

    def retake(self, lease: Lease) -> Connection | None:
        """What this lease kept, its transaction open; None where that is over."""
        kept = self._kept.pop(lease, None)
        return kept[1] if kept is not None else None

    def free(self, lease: Lease) -> None:
        """This lease is over."""
        kept = self._kept.pop(lease, None)
        if kept is not None:
            self._free.append(kept)

    def take(self) -> Connection | None:
        """A connection whose transaction, if it has one, is to be ended first; None where there is none. That of a
        lease which goes on is taken where the pool has no other."""
        while self._free:
            _, connection = self._free.pop()
            if not is_over(connection):
                return connection
            self._end(connection)
        while self._kept and self.out == self._most:
            connection = self._kept.pop(next(iter(self._kept)))[1]
            if not is_over(connection):
                return connection
            self._end(connection)
        return None

    async def close(self) -> None:
        """End every transaction."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._cool_until(self._loop.time())
        if self._ending:
            await asyncio.wait(self._ending)

    def _cool(self) -> None:
        """Nobody went on: the oldest are given back."""
        self._cool_until(self._loop.time() - self.seconds)
        self._timer = self._loop.call_later(self.seconds, self._cool) if self._kept or self._free else None

    def _cool_until(self, until: float) -> None:
        while self._free and self._free[0][0] <= until:
            self._end(self._free.pop(0)[1])
        while self._kept and self._kept[oldest := next(iter(self._kept))][0] <= until:
            self._end(self._kept.pop(oldest)[1])

    def _end(self, connection: Connection) -> None:
        task = self._loop.create_task(self._give_back(connection))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def is_over(connection: Connection) -> bool:
    """Whether nothing can be sent any more. From a connection that the server has ended asyncpg takes the handle."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True
