"""What does the cache of last good values promise on every Redis, a cluster too? PostgreSQL is cut on the socket.

What is said of single requests to Redis, and of Redis failing, is in `cache_contract.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from datadir.errors import StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.postgresql.client import Postgres
from datadir.redis.client import Redis
from datadir.scope import SYSTEM
from datadir.stores import Stores
from loaders import write_behind
from loaders.cache import Cache, Cached
from tests.stores.courses import (
    COURSES,
    NAMES,
    POISON,
    TABLE,
    WRONG,
    Clock,
    Course,
    CourseRecord,
    NameRow,
    counted,
    courses_by_id,
    eventually,
    only,
    titles,
)
from tests.stores.postgres_fixture import Database
from tests.stores.recovery import well_again
from tests.stores.relay import Relay, relay_to


class CacheValuesContract:
    """`url` is Redis' address, `database` a migrated database with its owner's connection. PostgreSQL is reached
    through `postgres_relay`."""

    @pytest.fixture
    def way(self, url: str) -> str:
        """The address under which the program reaches Redis."""
        return url

    @pytest_asyncio.fixture
    async def postgres_relay(self, database: Database) -> AsyncIterator[Relay]:
        folder = parse_qs(urlsplit(database.dsn).query).get("host")
        socket = f"unix://{folder[0]}/.s.PGSQL.5432" if folder else database.dsn
        async with relay_to(socket).listening() as relay:
            yield relay

    @pytest_asyncio.fixture
    async def stores(self, way: str, database: Database, postgres_relay: Relay) -> AsyncIterator[Stores]:
        address = urlsplit(database.dsn)
        behind = address._replace(
            netloc=f"{address.netloc.rpartition('@')[0]}@127.0.0.1:{postgres_relay.port}", query="sslmode=disable"
        )
        postgresql = await Postgres.open(behind.geturl(), min_size=1, max_size=4, read_deadline=1.0)
        redis = await Redis.open(way, scripts=[write_behind.KEEP, write_behind.CLEAR])
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
        """Redis itself, whatever is done to the way there."""
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

    # The races of a clearing with reads that began before it

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
