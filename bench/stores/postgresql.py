"""What is asked of PostgreSQL, by ours and by asyncpg? Also for what rests there where no other store is named: the
series' and the event log's tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from bench.stores.pair import SIZES, Ask, Pair, reads
from datadir.cassandra import embedded as series
from datadir.cassandra.embedded import EmbeddedSeries
from datadir.cassandra.tables import USER_ENGAGEMENT, UserEngagement
from datadir.kafka import embedded as events
from datadir.kafka.embedded import EmbeddedEventLog
from datadir.kafka.event import Event
from datadir.kafka.sealing import Wrapping
from datadir.migrations import migrate
from datadir.postgresql import outbox
from datadir.postgresql.client import Postgres
from datadir.postgresql.learner_keys import LearnerKeys
from datadir.postgresql.lease import scope_settings
from datadir.postgresql.opening import pooled
from datadir.postgresql.record import Row
from datadir.scope import SYSTEM

CONNECTIONS: Final = 10
_BY_ID: Final = "select id, email, name, role, created_at from users where id = any($1::uuid[])"
_INSERT: Final = "insert into users (id, email, password_hash, name) values ($1, $2, 'x', 'Ada')"


class PersonRow(Row):
    """A person, as a loader reads one."""

    __slots__ = ()
    id: UUID
    email: str
    name: str
    role: str
    created_at: datetime


class Desk:
    """asyncpg with a pool like ours, and whoever must write the transaction and the viewer's settings by hand."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self.pool = pool

    async def read(self, sql: str, *arguments: Any) -> list[Any]:
        """Under row security, from one snapshot."""
        async with self.pool.acquire() as connection:
            await connection.execute("begin isolation level repeatable read read only; " + scope_settings(SYSTEM))
            rows: list[Any] = await connection.fetch(sql, *arguments)
            await connection.execute("commit")
        return rows

    async def write(self, sql: str, *arguments: Any) -> None:
        """Under row security."""
        async with self.pool.acquire() as connection:
            await connection.execute("begin; " + scope_settings(SYSTEM))
            await connection.execute(sql, *arguments)
            await connection.execute("commit")

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """Without transaction and settings: from tables that have no row security."""
        async with self.pool.acquire() as connection:
            rows: list[Any] = await connection.fetch(sql, *arguments)
        return rows


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[tuple[Postgres, Desk]]:
    """Ours and the bare driver, on a database with the program's schema."""
    await migrate.upgrade(dsn)
    owner = await asyncpg.connect(dsn)
    await events.prepare(owner)
    await series.prepare(owner)
    await owner.close()
    pg = await Postgres.open(dsn, min_size=2, max_size=CONNECTIONS, read_deadline=5.0)
    pool = await pooled(dsn, min_size=2, max_size=CONNECTIONS)
    try:
        yield pg, Desk(pool)
    finally:
        await pool.close()
        await pg.close()


async def pairs(pg: Postgres, desk: Desk) -> list[Pair]:
    """People by id, and a new one."""
    ids = [uuid4() for _ in range(max(SIZES))]
    async with pg.transaction(SYSTEM) as tx:
        await tx.executemany(_INSERT, [(each, f"{each}@bench.test") for each in ids])

    def ours(size: int) -> Ask:
        return lambda: pg.lease(SYSTEM).fetch(PersonRow, _BY_ID, ids[:size])

    def bare(size: int) -> Ask:
        return lambda: desk.read(_BY_ID, ids[:size])

    async def ours_writes() -> None:
        identity = uuid4()
        async with pg.transaction(SYSTEM) as tx:
            await tx.execute(_INSERT, identity, f"{identity}@bench.test")

    async def bare_writes() -> None:
        identity = uuid4()
        await desk.write(_INSERT, identity, f"{identity}@bench.test")

    return [*reads(ours, bare), Pair("write", ours_writes, bare_writes)]


async def series_pairs(pg: Postgres, desk: Desk) -> list[Pair]:
    """The stand-in of Cassandra: a day of people by id, and a day more."""
    kept = EmbeddedSeries(pg, secret="bench")
    users = await filled(kept)
    select, upsert = series._select(USER_ENGAGEMENT, False, False), series._upsert(USER_ENGAGEMENT)

    def ours(size: int) -> Ask:
        return lambda: kept.read(USER_ENGAGEMENT, users[:size])

    def bare(size: int) -> Ask:
        async def ask() -> list[list[Any]]:
            found: list[list[Any]] = [[] for _ in range(size)]
            for row in await desk.fetch(select, [user for (user,) in users[:size]], None):
                found[row[0] - 1].append(row)
            return found

        return ask

    async def bare_writes() -> None:
        await desk.write(upsert, *([value] for value in a_day(uuid4())))

    return [*reads(ours, bare), Pair("write", lambda: kept.write(USER_ENGAGEMENT, [a_day(uuid4())]), bare_writes)]


async def eventlog_pairs(pg: Postgres, desk: Desk) -> list[Pair]:
    """An event appended in a transaction of its own, as it is with and without Kafka. Events are read in their order,
    never by key."""
    log = EmbeddedEventLog(pg, LearnerKeys(pg, Wrapping("bench")))

    def event() -> Event:
        return Event(uuid4(), "learning.events", str(uuid4()), "page_view", {"nth": 1}, datetime.now(UTC))

    async def ours() -> None:
        async with pg.transaction(SYSTEM) as tx:
            await log.append(tx, [event()])

    async def bare() -> None:
        await desk.write(outbox._INSERT, *([value] for value in outbox._columns(event())))

    return [Pair("write", ours, bare)]


async def filled(kept: Any) -> list[tuple[UUID]]:
    """Partitions of a series, a row in each."""
    users = [(uuid4(),) for _ in range(max(SIZES))]
    await kept.write(USER_ENGAGEMENT, [a_day(user) for (user,) in users])
    return users


def a_day(user: UUID) -> UserEngagement:
    """What somebody did on one day."""
    return UserEngagement(user, date(2026, 3, 1), 3600, 12, 3, 30, 50.0)
