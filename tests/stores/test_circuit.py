"""When is a store asked, asked again, and not asked?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import pytest

from datadir import ledger
from datadir.circuit import REST, THRESHOLD, Circuit, NotAsked
from datadir.errors import Conflict, StoreTimeout, StoreUnavailable
from datadir.names import StoreName
from tests.stores.recovery import well_again

REDIS = StoreName.REDIS


class Store:
    """A store that fails the next calls with what it is told, and counts how often it was asked."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked = 0
        self.seconds: list[float] = []

    async def __call__(self, seconds: float = 0.4) -> str:
        self.asked += 1
        self.seconds.append(seconds)
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        return "well"


@pytest.fixture
def circuit() -> Circuit:
    return Circuit(REDIS, most=3)


async def written(circuit: Circuit, store: Callable[[], Awaitable[str]]) -> str:
    with circuit.asked():
        return await store()


async def failing(circuit: Circuit, times: int) -> None:
    for _ in range(times):
        with pytest.raises(StoreUnavailable):
            await written(circuit, Store(StoreUnavailable(REDIS)))


async def test_a_read_that_was_refused_is_made_once_more_with_what_is_left_of_its_deadline(circuit: Circuit) -> None:
    store = Store(StoreUnavailable(REDIS))
    assert await circuit.read(store, 0.4) == "well"
    assert store.asked == 2
    assert store.seconds[0] == 0.4
    assert store.seconds[1] < 0.396, "the pause of at least 5 ms is part of the deadline"


async def test_a_read_that_was_refused_twice_is_not_made_a_third_time(circuit: Circuit) -> None:
    store = Store(*[StoreUnavailable(REDIS)] * 3)
    with pytest.raises(StoreUnavailable):
        await circuit.read(store, 0.4)
    assert store.asked == 2


async def test_a_read_that_was_too_slow_is_not_made_again(circuit: Circuit) -> None:
    store = Store(StoreTimeout(REDIS))
    with pytest.raises(StoreTimeout):
        await circuit.read(store, 0.4)
    assert store.asked == 1


async def test_a_read_whose_deadline_is_nearly_over_is_not_made_again(circuit: Circuit) -> None:
    store = Store(StoreUnavailable(REDIS))
    with pytest.raises(StoreUnavailable):
        await circuit.read(store, 0.05)
    assert store.asked == 1


async def test_a_write_is_never_repeated(circuit: Circuit) -> None:
    store = Store(StoreUnavailable(REDIS))
    with pytest.raises(StoreUnavailable):
        await written(circuit, store)
    assert store.asked == 1


async def test_after_five_failures_in_a_row_the_store_is_left_alone_and_then_one_call_tries(circuit: Circuit) -> None:
    await failing(circuit, THRESHOLD)
    assert circuit.state == "opened"
    opened, store = monotonic(), Store()
    with pytest.raises(NotAsked):
        await written(circuit, store)
    with pytest.raises(NotAsked):
        await circuit.read(store, 0.4)
    assert (store.asked, circuit.refused) == (0, 2)
    assert await well_again(lambda: written(circuit, store)) == "well"
    assert monotonic() - opened >= REST * 0.9
    assert (store.asked, circuit.state) == (1, "closed")


async def test_a_failure_between_successes_opens_nothing(circuit: Circuit) -> None:
    for _ in range(3):
        await failing(circuit, THRESHOLD - 1)
        assert await written(circuit, Store()) == "well"
    assert circuit.state == "closed"


async def test_while_one_call_tries_no_other_does_and_its_failure_begins_the_rest_anew(circuit: Circuit) -> None:
    await failing(circuit, THRESHOLD)
    gate = asyncio.Event()

    async def tries() -> None:
        with circuit.asked():
            await gate.wait()
            raise StoreUnavailable(REDIS)

    async def begun() -> asyncio.Task[None]:
        task = asyncio.create_task(tries())
        await asyncio.sleep(0)
        if circuit.state != "half-opened":
            await task
        return task

    trying = await well_again(begun)
    store = Store()
    with pytest.raises(NotAsked):
        await written(circuit, store)
    gate.set()
    with pytest.raises(StoreUnavailable):
        await trying
    assert (store.asked, circuit.state) == (0, "opened")


async def test_a_conflict_is_an_answer_of_a_store_that_is_well(circuit: Circuit) -> None:
    for _ in range(THRESHOLD * 2):
        with pytest.raises(Conflict):
            await written(circuit, Store(Conflict(REDIS, "users_email_key")))
    assert circuit.state == "closed"


async def test_another_stores_failure_inside_a_transaction_is_not_held_against_this_one(circuit: Circuit) -> None:
    for _ in range(THRESHOLD * 2):
        with pytest.raises(StoreUnavailable):
            await written(circuit, Store(StoreUnavailable(StoreName.MONGODB)))
    assert circuit.state == "closed"


async def test_whoever_gives_up_says_nothing_about_the_store(circuit: Circuit) -> None:
    for _ in range(THRESHOLD * 2):
        task = asyncio.create_task(written(circuit, asyncio.Event().wait))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (circuit.state, circuit.under_way) == ("closed", 0)


async def test_more_calls_than_the_bulkhead_holds_are_refused_at_once(circuit: Circuit) -> None:
    gate = asyncio.Event()

    async def waits() -> str:
        await gate.wait()
        return "well"

    under_way = [asyncio.create_task(written(circuit, waits)) for _ in range(3)]
    await asyncio.sleep(0)
    store = Store()
    with pytest.raises(NotAsked):
        await written(circuit, store)
    gate.set()
    assert await asyncio.gather(*under_way) == ["well"] * 3
    assert await written(circuit, store) == "well"
    assert store.asked == 1


async def test_a_store_that_was_too_slow_once_is_not_asked_again_in_that_operation_alone(circuit: Circuit) -> None:
    store = Store(StoreTimeout(REDIS))
    with ledger.kept() as book:
        with pytest.raises(StoreTimeout):
            await circuit.read(store, 0.4)
        with pytest.raises(NotAsked):
            await circuit.read(store, 0.4)
    assert book.unwell() == [{"store": "redis", "status": "timeout"}]
    assert store.asked == 1
    with ledger.kept() as book:
        assert await circuit.read(store, 0.4) == "well"
    assert book.unwell() == []


async def test_a_refused_operation_names_the_store_it_did_not_ask(circuit: Circuit) -> None:
    await failing(circuit, THRESHOLD)
    with ledger.kept() as book, pytest.raises(NotAsked):
        await circuit.read(Store(), 0.4)
    assert book.unwell() == [{"store": "redis", "status": "unavailable"}]
    assert book.as_dict() == {}, "nothing went over the wire"


async def test_a_store_that_rests_in_another_fails_under_its_own_name(circuit: Circuit) -> None:
    with ledger.kept() as book, pytest.raises(StoreTimeout):
        await circuit.read(Store(StoreTimeout(StoreName.CASSANDRA)), 0.4, StoreName.CASSANDRA)
    assert book.unwell() == [{"store": "cassandra", "status": "timeout"}]
