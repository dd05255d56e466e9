"""What does the cache of last good values promise, on every Redis? A store is cut on the socket, and what then?

The record is a course that everyone sees alike, in a table without row policies, and read as such records are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from time import time
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from datadir.errors import StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.postgresql.client import Postgres
from datadir.postgresql.record import Row
from datadir.redis.client import Redis
from datadir.scope import SYSTEM
from datadir.stores import Stores
from loaders import write_behind
from loaders.cache import Cache, Cached, Everyone
from tests.stores.postgres_fixture import Database
from tests.stores.recovery import well_again
from tests.stores.relay import Relay, relay_to, through

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


class CacheContract:
    """`url` is Redis' address, `database` a migrated database with its owner's connection."""

    @pytest_asyncio.fixture
    async def redis_relay(self, url: str) -> AsyncIterator[Relay]:
        async with relay_to(url).listening() as relay:
            yield relay

    @pytest_asyncio.fixture
    async def postgres_relay(self, database: Database) -> AsyncIterator[Relay]:
        folder = parse_qs(urlsplit(database.dsn).query).get("host")
        socket = f"unix://{folder[0]}/.s.PGSQL.5432" if folder else database.dsn
        async with relay_to(socket).listening() as relay:
            yield relay

    @pytest_asyncio.fixture
    async def stores(
        self, url: str, database: Database, redis_relay: Relay, postgres_relay: Relay
    ) -> AsyncIterator[Stores]:
        """PostgreSQL and Redis, each through its relay."""
        address = urlsplit(database.dsn)
        behind = address._replace(
            netloc=f"{address.netloc.rpartition('@')[0]}@127.0.0.1:{postgres_relay.port}", query="sslmode=disable"
        )
        postgresql = await Postgres.open(behind.geturl(), min_size=1, max_size=4, read_deadline=2.0)
        redis = await Redis.open(through(url, redis_relay), scripts=[write_behind.KEEP, write_behind.CLEAR])
        yield only(postgresql, redis)
        await redis.close()
        await postgresql.close()

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest_asyncio.fixture
    async def cache(self, stores: Stores, clock: Clock) -> AsyncIterator[Cache]:
        cache = Cache(stores, now=clock, renew=0)
        yield cache
        await cache.close()

    @pytest_asyncio.fixture
    async def redis(self, url: str) -> AsyncIterator[Redis]:
        """Redis itself, whatever its relay does."""
        redis = await Redis.open(url)
        yield redis
        await redis.close()

    @pytest_asyncio.fixture
    async def elsewhere(self, database: Database, redis: Redis, clock: Clock) -> AsyncIterator[Cache]:
        """The cache of another process, whose stores are well."""
        cache = Cache(only(database.pg, redis), now=clock, renew=0)
        yield cache
        await cache.close()

    @pytest_asyncio.fixture
    async def course(self, database: Database) -> AsyncIterator[Course]:
        """The table, and a way to write a course."""
        await database.owner.execute(TABLE)
        await database.owner.execute("grant select on contract_courses to studygraph_app")
        yield Course(database.owner)
        await database.owner.execute("drop table contract_courses")

    # What is kept

    async def test_the_store_is_always_asked_and_nobody_waits_for_what_is_kept(
        self, cache: Cache, course: Course, redis_relay: Relay
    ) -> None:
        first, second = await course("Algebra"), await course("Biology")
        before = redis_relay.questions
        with kept() as ledger:
            answers = await cache.read(COURSES, [second, uuid4(), first, second])
            assert titles(answers) == ["Biology", None, "Algebra", "Biology"]
            assert redis_relay.questions == before, "the answer is there, and Redis has not been asked yet"
            await cache.settled()
        assert redis_relay.questions == before + 1, "one request for both"
        assert {store: entry.calls for store, entry in ledger.stores.items()} == {StoreName.POSTGRESQL: 1}
        await course.rename(first, "Geometry")
        assert titles(await cache.read(COURSES, [first])) == ["Geometry"]

    async def test_a_redis_that_hangs_keeps_no_answer_waiting(
        self, cache: Cache, course: Course, redis_relay: Relay
    ) -> None:
        identity = await course("Algebra")
        redis_relay.hush()
        failed = counted("writes", "failed")
        assert titles(await cache.read(COURSES, [identity])) == ["Algebra"]
        await cache.settled()
        assert counted("writes", "failed") == failed + 1
        redis_relay.speak()

    async def test_an_entry_lives_for_half_an_hour_under_a_key_that_names_nobody(
        self, cache: Cache, course: Course, redis: Redis
    ) -> None:
        identity, nowhere = await course("Algebra"), uuid4()
        await cache.read(COURSES, [identity, nowhere])
        await cache.settled()
        key = COURSES.key(identity)
        assert key.startswith(f"cache:{{contract_courses.{COURSES.shape.digest}}}:")
        assert str(identity) not in key
        assert await redis.raw.ttl(key) == 1800
        assert await redis.get(COURSES.key(nowhere)) is None, "what is not there is not kept"

    async def test_a_hundred_records_are_kept_in_one_request(
        self, cache: Cache, course: Course, redis_relay: Relay
    ) -> None:
        ids = [await course(f"Course {number}") for number in range(100)]
        before, known = redis_relay.questions, counted("writes", "kept")
        await cache.read(COURSES, ids)
        await cache.settled()
        assert redis_relay.questions == before + 1
        assert counted("writes", "kept") == known + 100

    async def test_what_was_just_kept_is_not_kept_again(
        self, stores: Stores, course: Course, redis_relay: Relay
    ) -> None:
        cache, identity = Cache(stores), await course("Algebra")
        await cache.read(COURSES, [identity])
        await cache.settled()
        before = redis_relay.questions
        for _ in range(20):
            await cache.read(COURSES, [identity])
        await cache.settled()
        assert redis_relay.questions == before
        await cache.clear(COURSES, [identity])
        await cache.read(COURSES, [identity])
        await cache.settled()
        assert redis_relay.questions == before + 2, "cleared, and kept again"
        await cache.close()

    async def test_what_is_too_large_is_not_kept_and_what_is_too_much_is_dropped(
        self, cache: Cache, course: Course, redis: Redis, database: Database
    ) -> None:
        large = await course("x" * write_behind.LARGEST_VALUE)
        before = counted("writes", "unfit"), counted("writes", "dropped"), counted("writes", "kept")
        assert len(titles(await cache.read(COURSES, [large]))[0]) == write_behind.LARGEST_VALUE
        await cache.settled()
        assert await redis.get(COURSES.key(large)) is None
        many = [uuid4() for _ in range(write_behind.MOST_WAITING + 10)]
        await database.owner.executemany(
            "insert into contract_courses (id, title) values ($1, 'x')", [(m,) for m in many]
        )
        await cache.read(COURSES, many)
        await cache.settled()
        after = counted("writes", "unfit"), counted("writes", "dropped"), counted("writes", "kept")
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 10, write_behind.MOST_WAITING]

    async def test_a_process_keeps_no_more_than_its_share(
        self, cache: Cache, course: Course, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(write_behind, "MOST_KEPT", 3 * write_behind.OVERHEAD)
        ids = [await course(f"Course {number}") for number in range(4)]
        over, known = counted("writes", "over"), counted("writes", "kept")
        for asked in (ids, ids[:1]):
            await cache.read(COURSES, asked)
            await cache.settled()
        assert counted("writes", "kept") - known == 3, "two, and one of them anew"
        assert counted("writes", "over") - over == 2

    # What stands in

    async def test_where_the_store_fails_the_last_good_values_stand_in(
        self, cache: Cache, course: Course, clock: Clock, postgres_relay: Relay, redis_relay: Relay
    ) -> None:
        older = await course("Algebra", starts_on=date(2026, 9, 1), topics=["sets", "Zahlen"])
        whole = await cache.read(COURSES, [older])
        await cache.settled()
        clock.now += 10
        younger, never = await course("Biology"), await course("Chemistry")
        await cache.read(COURSES, [younger])
        await cache.settled()
        clock.now += 2.5
        await postgres_relay.refuse()
        before, hits, misses = redis_relay.questions, counted("reads", "hit"), counted("reads", "miss")
        with kept() as ledger:
            answers = await cache.read(COURSES, [never, younger, older, younger])
        assert titles(answers) == [StoreUnavailable, "Biology", "Algebra", "Biology"]
        assert cast("StoreUnavailable", answers[0]).store is StoreName.POSTGRESQL
        assert answers[2] == whole[0], "every field as it was"
        assert redis_relay.questions == before + 1, "one read for the whole batch"
        assert ledger.stores[StoreName.REDIS].calls == 1
        assert (ledger.sources, ledger.ages) == ({StoreName.POSTGRESQL: "stale"}, {StoreName.POSTGRESQL: 12.5})
        assert (counted("reads", "hit") - hits, counted("reads", "miss") - misses) == (2, 1)

    async def test_a_store_that_is_too_slow_fails_too_and_then_all_is_well_again(
        self, cache: Cache, course: Course, postgres_relay: Relay
    ) -> None:
        identity = await course("Algebra")
        await cache.read(COURSES, [identity])
        await cache.settled()
        await course.rename(identity, "Geometry")
        postgres_relay.hush()
        with kept() as ledger:
            assert titles(await cache.read(COURSES, [identity])) == ["Algebra"]
        assert ledger.sources == {StoreName.POSTGRESQL: "stale"}
        postgres_relay.speak()
        with kept() as ledger:
            assert titles(await well_again(lambda: cache.read(COURSES, [identity]))) == ["Geometry"]
        assert ledger.sources == {}

    async def test_a_value_is_too_old_after_half_an_hour(
        self, cache: Cache, course: Course, clock: Clock, postgres_relay: Relay
    ) -> None:
        identity = await course("Algebra")
        await cache.read(COURSES, [identity])
        await cache.settled()
        await postgres_relay.refuse()
        clock.now += 1799.9
        assert titles(await cache.read(COURSES, [identity])) == ["Algebra"]
        clock.now += 0.1
        with pytest.raises(StoreUnavailable):
            await cache.read(COURSES, [identity])

    async def test_where_nothing_was_kept_the_failure_is_the_stores(
        self, cache: Cache, course: Course, postgres_relay: Relay
    ) -> None:
        identity = await course("Algebra")
        await postgres_relay.refuse()
        with kept() as ledger, pytest.raises(StoreUnavailable) as failed:
            await cache.read(COURSES, [identity])
        assert failed.value.store is StoreName.POSTGRESQL
        assert ledger.sources == {StoreName.POSTGRESQL: "unavailable"}

    async def test_where_redis_fails_too_the_failure_is_the_stores(
        self, cache: Cache, course: Course, postgres_relay: Relay, redis_relay: Relay
    ) -> None:
        identity = await course("Algebra")
        await cache.read(COURSES, [identity])
        await cache.settled()
        await postgres_relay.refuse()
        await redis_relay.refuse()
        unreachable = counted("reads", "unreachable")
        with pytest.raises(StoreUnavailable) as failed:
            await cache.read(COURSES, [identity])
        assert (failed.value.store, type(failed.value)) == (StoreName.POSTGRESQL, StoreUnavailable)
        assert failed.value.__cause__ is not None
        assert counted("reads", "unreachable") == unreachable + 1

    async def test_a_defect_of_the_read_is_no_failure_of_the_store(self, cache: Cache, course: Course) -> None:
        with pytest.raises(asyncpg.UndefinedTableError):
            await cache.read(WRONG, [uuid4()])

    @pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
    async def test_what_is_none_of_ours_is_a_miss_and_the_next_good_read_heals_it(
        self, poison: str | bytes, cache: Cache, course: Course, redis: Redis, postgres_relay: Relay
    ) -> None:
        identity = await course("Algebra")
        await redis.set(COURSES.key(identity), poison, ttl=60)
        await postgres_relay.refuse()
        unreadable = counted("reads", "unreadable")
        with pytest.raises(StoreUnavailable):
            await cache.read(COURSES, [identity])
        assert counted("reads", "unreadable") == unreadable + 1
        await postgres_relay.heal()
        assert titles(await well_again(lambda: cache.read(COURSES, [identity]))) == ["Algebra"]
        await cache.settled()
        await postgres_relay.refuse()
        assert titles(await cache.read(COURSES, [identity])) == ["Algebra"]

    async def test_a_key_of_another_kind_is_a_miss_and_is_healed(
        self, cache: Cache, course: Course, redis: Redis, postgres_relay: Relay
    ) -> None:
        identity = await course("Algebra")
        await redis.write_hash(COURSES.key(identity), {"title": "Algebra"}, ttl=60)
        await cache.read(COURSES, [identity])
        await cache.settled()
        await postgres_relay.refuse()
        assert titles(await cache.read(COURSES, [identity])) == ["Algebra"]

    async def test_a_release_with_other_fields_does_not_read_what_this_one_keeps(
        self, cache: Cache, course: Course, postgres_relay: Relay
    ) -> None:
        Cached.names.remove(COURSES.name)  # as in another process
        newer = Cached(COURSES.name, CourseRecord, courses_by_id, cleared_by="the contract", version=2)
        identity = await course("Algebra")
        await cache.read(COURSES, [identity])
        await cache.settled()
        await postgres_relay.refuse()
        assert titles(await cache.read(COURSES, [identity])) == ["Algebra"]
        with pytest.raises(StoreUnavailable):
            await cache.read(newer, [identity])

    # What depends on the viewer

    async def test_what_row_policies_guard_is_not_seen_and_so_never_kept(
        self, cache: Cache, stores: Stores, database: Database, redis: Redis
    ) -> None:
        person = uuid4()
        async with database.pg.transaction(SYSTEM) as tx:
            insert = "insert into users (id, email, password_hash, name) values ($1, $2, 'x', 'Ada')"
            await tx.execute(insert, person, f"{person}@contract.test")
        seen = await stores.postgresql.lease(SYSTEM).fetch(
            NameRow, "select id, name from users where id = any($1::uuid[])", [person]
        )
        assert [row.name for row in seen] == ["Ada"], "with a scope that sees it"
        assert await cache.read(NAMES, [person]) == [None]
        await cache.settled()
        assert await redis.get(NAMES.key(person)) is None

    # Clearing, and the races with it

    async def test_a_write_clears_what_it_changed_in_one_request(
        self, cache: Cache, course: Course, redis: Redis, postgres_relay: Relay, redis_relay: Relay
    ) -> None:
        ids = [await course(f"Course {number}") for number in range(50)]
        await cache.read(COURSES, ids)
        await cache.settled()
        await cache.clear(COURSES, ids[:1])
        before = redis_relay.questions
        with kept() as ledger:
            await cache.clear(COURSES, ids[1:49])
            await cache.clear(COURSES, [])
        assert redis_relay.questions == before + 1
        assert ledger.stores[StoreName.REDIS].calls == 1
        assert await redis.raw.ttl(COURSES.key(ids[0])) == 1800, "the mark outlives what it keeps away"
        await postgres_relay.refuse()
        answers = titles(await cache.read(COURSES, ids))
        assert answers == [*[StoreUnavailable] * 49, "Course 49"]

    @pytest.mark.parametrize("who", ["this process", "another process", "a process that was just started"])
    async def test_a_read_from_before_a_write_is_not_kept_after_it(
        self,
        who: str,
        cache: Cache,
        elsewhere: Cache,
        course: Course,
        postgres_relay: Relay,
        database: Database,
    ) -> None:
        identity = await course("Algebra")
        if who != "a process that was just started":
            await cache.read(COURSES, [identity])
            await cache.settled()
        refused = counted("writes", "refused")
        async with course.held(identity):
            late = asyncio.create_task(cache.read(COURSES, [identity]))
            await eventually(course.waited_for)
            await course.rename(identity, "Geometry")
            await (cache if who == "this process" else elsewhere).clear(COURSES, [identity])
        assert titles(await late) == ["Algebra"], "its snapshot is from before the write"
        await cache.settled()
        assert counted("writes", "refused") == refused + 1
        await postgres_relay.refuse()
        with pytest.raises(StoreUnavailable):
            await cache.read(COURSES, [identity])

    async def test_a_read_that_began_after_the_clearing_is_kept(
        self, cache: Cache, elsewhere: Cache, course: Course, postgres_relay: Relay
    ) -> None:
        mine, theirs = await course("Algebra"), await course("Biology")
        await cache.read(COURSES, [mine, theirs])
        await cache.settled()
        await cache.clear(COURSES, [mine])
        await elsewhere.clear(COURSES, [theirs])
        assert titles(await cache.read(COURSES, [mine])) == ["Algebra"]
        await cache.settled()
        # That answer told this process the time, so it knows that this read is younger than the other's clearing too.
        assert titles(await cache.read(COURSES, [theirs])) == ["Biology"]
        await cache.settled()
        await postgres_relay.refuse()
        assert titles(await cache.read(COURSES, [mine, theirs])) == ["Algebra", "Biology"]

    async def test_of_two_reads_the_younger_one_is_kept_whichever_comes_last(
        self, cache: Cache, elsewhere: Cache, course: Course, clock: Clock, postgres_relay: Relay
    ) -> None:
        gate, identity = await course("Gate"), await course("Algebra")
        async with course.held(gate):
            late = asyncio.create_task(cache.read(COURSES, [gate, identity]))
            await eventually(course.waited_for)
            await course.rename(identity, "Geometry")
            clock.now += 1
            assert titles(await elsewhere.read(COURSES, [identity])) == ["Geometry"]
            await elsewhere.settled()
        assert titles(await late) == ["Gate", "Algebra"]
        await cache.settled()
        await postgres_relay.refuse()
        assert titles(await cache.read(COURSES, [gate, identity])) == ["Gate", "Geometry"]

    async def test_what_waits_to_be_kept_is_forgotten_by_a_write(
        self, cache: Cache, course: Course, redis: Redis
    ) -> None:
        identity = await course("Algebra")
        await cache.read(COURSES, [identity])
        await cache.clear(COURSES, [identity])
        await cache.settled()
        assert (await redis.get(COURSES.key(identity)) or "")[:1] == "-"

    async def test_what_redis_cannot_clear_now_is_not_used_and_cleared_later(
        self, cache: Cache, course: Course, redis: Redis, redis_relay: Relay, postgres_relay: Relay
    ) -> None:
        identity = await course("Algebra")
        await cache.read(COURSES, [identity])
        await cache.settled()
        await redis_relay.refuse()
        owed, key = counted("clears", "owed"), COURSES.key(identity)
        await cache.clear(COURSES, [identity])
        assert counted("clears", "owed") == owed + 1
        assert (await redis.get(key) or "")[:1] == "+", "it is there still"
        await redis_relay.heal()
        await postgres_relay.refuse()
        misses = counted("reads", "miss")
        with pytest.raises(StoreUnavailable):
            await cache.read(COURSES, [identity])
        assert counted("reads", "miss") == misses + 1

        async def is_cleared() -> bool:
            return (await redis.get(key) or "")[:1] == "-"

        await eventually(is_cleared)

    async def test_whoever_is_cancelled_while_clearing_has_cleared_all_the_same(
        self, cache: Cache, course: Course, redis_relay: Relay, redis: Redis
    ) -> None:
        identity = await course("Algebra")
        redis_relay.hush()
        cleared = counted("clears", "cleared")
        writer = asyncio.create_task(cache.clear(COURSES, [identity]))
        await redis_relay.has_heard(COURSES.key(identity).encode())
        writer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        redis_relay.speak()

        async def is_cleared() -> bool:
            return counted("clears", "cleared") == cleared + 1

        await eventually(is_cleared)


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
        return bool(
            await self._owner.fetchval("select count(*) from pg_locks where locktype = 'advisory' and not granted")
        )


def only(postgresql: Postgres, redis: Redis) -> Stores:
    """These two stores, and no other."""
    absent: Any = None
    return Stores(postgresql, redis, absent, absent, absent, absent, absent, frozenset())
