"""What happens to a connection whose lease is over? For a moment it waits for the next lease, its transaction unended.

Whoever goes on with it sends the commit together with its own begin. That saves a message to the server, and the pool's
bookkeeping, for each lease of a busy process. A snapshot that is `WARM` seconds older hinders no vacuum.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias, cast

import asyncpg

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Any]"

WARM: Final = 0.01
"""Seconds for which a connection waits."""


class Warm:
    """Connections of leases that are over, each in a transaction that has nothing left to do. The last one that came is
    the first to go on."""

    __slots__ = ("_ending", "_give_back", "_kept", "_loop", "_timer", "wanted")

    def __init__(self, give_back: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        """`give_back` ends the transaction and returns the connection to its pool."""
        self._give_back = give_back
        self._loop = asyncio.get_running_loop()
        self._kept: list[tuple[float, Connection]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        # How many wait for the pool: they come before whoever asks next.
        self.wanted = 0

    def keep(self, connection: Connection) -> None:
        """Somebody may go on with this connection within `WARM` seconds."""
        now = self._loop.time()
        # One whose time is over (`opening.py`) goes to the pool, which replaces it.
        ends_at: float = cast("Any", connection).ends_at
        if self.wanted or now > ends_at:
            self._end(connection)
            return
        self._kept.append((now, connection))
        if self._timer is None:
            self._timer = self._loop.call_later(WARM, self._cool)

    def take(self) -> Connection | None:
        """A connection whose transaction is to be ended first, None where there is none."""
        while self._kept:
            _, connection = self._kept.pop()
            if not is_over(connection):
                return connection
            self._end(connection)
        return None

    async def close(self) -> None:
        """End every transaction."""
        if self._timer is not None:
            self._timer.cancel()
        while self._kept:
            self._end(self._kept.pop()[1])
        if self._ending:
            await asyncio.wait(self._ending)

    def _cool(self) -> None:
        """Nobody went on: the oldest are given back."""
        until = self._loop.time() - WARM
        while self._kept and self._kept[0][0] <= until:
            self._end(self._kept.pop(0)[1])
        self._timer = self._loop.call_later(WARM, self._cool) if self._kept else None

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
