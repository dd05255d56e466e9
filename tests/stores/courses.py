"""Which records do the contracts of the cache keep? Courses that everyone sees alike, and how tests write them.

They lie in a table without row policies and are read as such records are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from time import time
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
from prometheus_client import REGISTRY

from datadir.errors import StoreUnavailable
from datadir.postgresql.client import Postgres
from datadir.postgresql.record import Row
from datadir.redis.client import Redis
from datadir.stores import Stores
from loaders.cache import Cached, Everyone

PATIENCE = 10.0
TABLE = """
create table if not exists contract_courses (
    id uuid primary key, title text not null, starts_on date, made_at timestamptz not null default now(),
    hours float8 not null default 2, is_open boolean not null default true, topics text[] not null default '{}'
)
"""
# The lock holds a read up after its snapshot was taken: whoever is late then answers what was.
COURSES_BY_ID = """
select c.id, c.title, c.starts_on, c.made_at, c.hours, c.is_open, c.topics
from contract_courses c cross join (select pg_advisory_xact_lock_shared(hashtext(($1::uuid[])[1]::text))) as gate
where c.id = any($1::uuid[])
"""


class CourseRow(Row):
    """A course as PostgreSQL answers it."""

    __slots__ = ()
    id: UUID
    title: str
    starts_on: date | None
    made_at: datetime
    hours: float
    is_open: bool
    topics: list[str]


class CourseRecord(NamedTuple):
    """A course as it is kept."""

    id: UUID
    title: str
    starts_on: date | None
    made_at: datetime
    hours: float
    is_open: bool
    topics: tuple[str, ...]


class NameRecord(NamedTuple):
    """A person's name."""

    name: str


class NameRow(Row):
    """A person's name as PostgreSQL answers it."""

    __slots__ = ()
    id: UUID
    name: str


async def courses_by_id(everyone: Everyone, ids: Sequence[UUID]) -> list[CourseRecord | None]:
    """Courses in the order of `ids`, None where there is none."""
    rows = await everyone.rows(CourseRow, COURSES_BY_ID, list(ids))
    found = {row.id: CourseRecord(*row[:-1], tuple(row.topics)) for row in rows}
    return [found.get(each) for each in ids]


async def names_by_id(everyone: Everyone, ids: Sequence[UUID]) -> list[NameRecord | None]:
    """Names of people, from a table with row policies."""
    rows = await everyone.rows(NameRow, "select id, name from users where id = any($1::uuid[])", list(ids))
    found = {row.id: NameRecord(row.name) for row in rows}
    return [found.get(each) for each in ids]


async def wrong_by_id(everyone: Everyone, ids: Sequence[UUID]) -> list[NameRecord | None]:
    """A read with a defect."""
    await everyone.rows(NameRow, "select nothing from nowhere")
    return [None for _ in ids]


COURSES = Cached("contract_courses", CourseRecord, courses_by_id, cleared_by="the contract")
NAMES = Cached("contract_names", NameRecord, names_by_id, cleared_by="nobody")
WRONG = Cached("contract_wrong", NameRecord, wrong_by_id, cleared_by="nobody")


HEAD = "+1732190000000000"
ID = "00000000-0000-4000-8000-0000000000ad"
POISON: dict[str, str | bytes] = {
    "nothing": "",
    "another text": "Algebra",
    "a sign alone": "+",
    "no record": HEAD,
    "no moment": '+17321900x0000000["a"]',
    "no digits of ours": "+" + 16 * "\u0660" + '["a"]',
    "too few fields": HEAD + "[]",
    "another JSON": HEAD + "{}",
    "no id": HEAD + '["Ada","Algebra",null,"2026-11-21T09:30:00+00:00",2.0,true,[]]',
    "no date": HEAD + f'["{ID}","Algebra",null,"some day",2.0,true,[]]',
    "no yes or no": HEAD + f'["{ID}","Algebra",null,"2026-11-21T09:30:00+00:00",2.0,1,[]]',
    "no text": HEAD + f'["{ID}",7,null,"2026-11-21T09:30:00+00:00",2.0,true,[]]',
    "no UTF-8": HEAD.encode() + b"\xff\xfe",
}


class Clock:
    """Seconds since 1970, which pass as the test says."""

    def __init__(self) -> None:
        self.now = float(int(time()))

    def __call__(self) -> float:
        return self.now


def counted(metric: str, outcome: str) -> float:
    """What a counter of the courses' cache says."""
    labels = {"cache": COURSES.name, "outcome": outcome}
    return REGISTRY.get_sample_value(f"studygraph_cache_{metric}_total", labels) or 0.0


async def eventually(happened: Callable[[], Awaitable[object]]) -> None:
    """Wait until it has happened."""
    async with asyncio.timeout(PATIENCE):
        while not await happened():
            await asyncio.sleep(0.005)


def titles(answers: Sequence[CourseRecord | StoreUnavailable | None]) -> list[Any]:
    """The titles of courses, the type of a failure in its place."""
    return [each.title if isinstance(each, CourseRecord) else type(each) if each else None for each in answers]


class Course:
    """Writes courses as their owner. `held` keeps reads waiting whose first course it is, their snapshots taken."""

    def __init__(self, owner: asyncpg.Connection[Any]) -> None:
        self._owner = owner

    async def __call__(self, title: str, *, starts_on: date | None = None, topics: Sequence[str] = ()) -> UUID:
        identity = uuid4()
        insert = "insert into contract_courses (id, title, starts_on, topics) values ($1, $2, $3, $4)"
        await self._owner.execute(insert, identity, title, starts_on, list(topics))
        return identity

    async def rename(self, identity: UUID, title: str) -> None:
        await self._owner.execute("update contract_courses set title = $2 where id = $1", identity, title)

    @asynccontextmanager
    async def held(self, identity: UUID) -> AsyncIterator[None]:
        await self._owner.execute("select pg_advisory_lock(hashtext($1))", str(identity))
        try:
            yield
        finally:
            await self._owner.execute("select pg_advisory_unlock(hashtext($1))", str(identity))

    async def waited_for(self) -> bool:
        """Whether a read waits."""
        waiting = "select count(*) from pg_locks join pg_database d on d.oid = database where not granted"
        return bool(await self._owner.fetchval(f"{waiting} and locktype = 'advisory' and datname = current_database()"))


def only(postgresql: Postgres, redis: Redis) -> Stores:
    """These two stores, and no other."""
    absent: Any = None
    return Stores(postgresql, redis, absent, absent, absent, absent, absent, frozenset(), absent)
