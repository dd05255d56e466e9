"""What does the cache promise of its requests to Redis, and where Redis fails too? Both are cut on the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import cast
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.errors import StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.redis.client import Redis
from datadir.stores import Stores
from loaders.cache import Cache
from tests.stores.cache_values_contract import CacheValuesContract
from tests.stores.courses import (
    COURSES,
    Clock,
    Course,
    counted,
    eventually,
    titles,
)
from tests.stores.relay import Relay, relay_to, through


class CacheContract(CacheValuesContract):
    """Redis is reached through `redis_relay`."""

    @pytest_asyncio.fixture
    async def redis_relay(self, url: str) -> AsyncIterator[Relay]:
        async with relay_to(url).listening() as relay:
            yield relay

    @pytest.fixture
    def way(self, url: str, redis_relay: Relay) -> str:
        return through(url, redis_relay)

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

    async def test_a_redis_that_hangs_keeps_no_answer_waiting_and_gets_the_next_one(
        self, stores: Stores, course: Course, redis_relay: Relay
    ) -> None:
        cache, identity = Cache(stores), await course("Algebra")
        redis_relay.hush()
        failed, known = counted("writes", "failed"), counted("writes", "kept")
        assert titles(await cache.read(COURSES, [identity])) == ["Algebra"]
        await cache.settled()
        assert counted("writes", "failed") == failed + 1
        redis_relay.speak()
        await cache.read(COURSES, [identity])
        await cache.settled()
        assert counted("writes", "kept") == known + 1
        await cache.close()

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
