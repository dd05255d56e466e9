"""How is a read or a write made as slow as a test wants? By a lock on its table; what waits for it can be counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final

import asyncpg

from tests.running_school import RunningSchool

# Far below the stores' own deadline.
PATIENCE: Final = 4.0


@asynccontextmanager
async def locked(school: RunningSchool, table: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Nobody reads this table meanwhile; the connection watches who waits."""
    holder = await asyncpg.connect(school.owner_dsn)
    watcher = await asyncpg.connect(school.owner_dsn)
    try:
        async with holder.transaction():
            await holder.execute(f"lock table {table} in access exclusive mode")
            yield watcher
    finally:
        await holder.close()
        await watcher.close()


async def until_waiting(watcher: asyncpg.Connection[Any], count: int) -> None:
    """Wait until so many statements of ours stand before a lock."""
    end = monotonic() + PATIENCE
    sql = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    while (waiting := await watcher.fetchval(sql)) != count:
        assert monotonic() < end, f"{waiting} statements wait, not {count}"
        await asyncio.sleep(0.01)
