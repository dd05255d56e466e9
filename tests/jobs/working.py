"""How does a test work on jobs? Handlers that tell what they do, runners for as long as a block lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from datadir.postgresql.client import Postgres
from datadir.redis.client import Redis
from datadir.scope import SYSTEM
from datadir.stores import Stores
from resolvers import jobs
from resolvers.jobs import Kind, Runner, RunningJob
from resolvers.operation import Services
from tests.stores.postgres_fixture import Database

PATIENCE: Final = 20.0
LONG: Final = 60.0
"""Seconds that no test waits for: what must not happen by itself is set to it."""
Handler = Callable[[RunningJob], Awaitable[Mapping[str, Any] | None]]


def services_on(pg: Postgres, redis: Redis) -> Services:
    """Services of which only these two stores are there."""
    stores = Stores(pg, redis, None, None, None, None, None, frozenset(), None)  # type: ignore[arg-type]
    return Services(stores, None, None, None, None)  # type: ignore[arg-type]


def kind(handler: Handler, attempts: int = 5) -> Kind:
    """A kind of jobs that this handler runs."""
    return Kind(lambda _, job: handler(job), attempts)


async def enqueue(services: Services, name: str = "work", **payload: Any) -> UUID:
    """Write a job in a transaction of its own, and wake whoever waits."""
    job_id = await written(services, name, **payload)
    await jobs.wake(services.stores, job_id)
    return job_id


async def written(
    services: Services,
    name: str = "work",
    *,
    owner: UUID | None = None,
    run_after: datetime | None = None,
    **payload: Any,
) -> UUID:
    """Write a job in a transaction of its own, and tell nobody."""
    async with services.stores.postgresql.transaction(SYSTEM) as tx:
        return await jobs.insert_job(tx, name, payload, owner=owner, run_after=run_after)


@asynccontextmanager
async def running(services: Services, work: Handler | Mapping[str, Kind], **options: Any) -> AsyncIterator[Runner]:
    """A runner at work; `work` alone runs the kind of that name."""
    kinds = work if isinstance(work, Mapping) else {"work": kind(work)}
    runner, stop = Runner(services, kinds, **{"poll": 0.05, "pause": 0.01, **options}), asyncio.Event()
    task = asyncio.create_task(runner.run_until(stop))
    try:
        yield runner
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)


async def row_of(database: Database, job_id: UUID) -> asyncpg.Record:
    """The job as it rests."""
    row = await database.owner.fetchrow("select *, result::text as answer from jobs where id = $1", job_id)
    assert row is not None
    return row


async def when(database: Database, job_id: UUID, condition: str) -> asyncpg.Record:
    """The job's row once `condition`, an SQL expression, holds."""
    async with asyncio.timeout(PATIENCE):
        while not await database.owner.fetchval(f"select {condition} from jobs where id = $1", job_id):
            await asyncio.sleep(0.01)
    return await row_of(database, job_id)


async def over(database: Database, job_id: UUID) -> asyncpg.Record:
    """The job's row once nobody will work on it any more."""
    return await when(database, job_id, "status in ('done', 'failed', 'cancelled')")
