"""What does the front page show while one store is sick, and when is all well again?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic

import pytest
import pytest_asyncio

from tests.faults.sick_school import Page, Server, SickSchool
from tests.stores.recovery import RECOVERY

STORES = ("postgresql", "redis", "mongodb")
PAGE_SECONDS = 1.5
# Fifteen pages side by side: what a store that hangs may cost must not add up.
CROWD = 15


async def hang(server: Server) -> None:
    server.relay.hush()


async def refuse(server: Server) -> None:
    await server.relay.refuse()


async def reset(server: Server) -> None:
    server.relay.reset()


async def latency(server: Server) -> None:
    server.relay.delay = 0.7


async def slow(server: Server) -> None:
    server.relay.trickle = (8, 0.1)


FAULTS = (hang, refuse, reset, latency, slow)


@pytest_asyncio.fixture(autouse=True)
async def healed(sick: SickSchool) -> AsyncIterator[None]:
    yield
    for server in sick.servers.values():
        await server.relay.heal()
    await well_again(sick)


async def well_again(sick: SickSchool) -> None:
    """Ask until the page is whole."""
    until = monotonic() + RECOVERY
    # Sources too: an answer may be whole and say that one of its calls failed.
    while (page := await sick.front_page()).data != sick.healthy.data or page.sources:
        assert monotonic() < until, (page.errors, page.sources)
        await asyncio.sleep(0.1)
    assert (page.errors, page.status) == ({}, 200)


async def at_rest(sick: SickSchool) -> None:
    """Wait until nothing is under way and every connection is back; background work asks now and then."""
    until = monotonic() + RECOVERY
    while (held := pools(sick)) != {"under way": 0, "taken from PostgreSQL's pool": 0}:
        assert monotonic() < until, held
        await asyncio.sleep(0.005)


def pools(sick: SickSchool) -> dict[str, int]:
    """What must not grow: calls under way, connections."""
    stores = sick.school.services.stores
    under_way = [
        store.circuit.under_way
        for store in (stores.postgresql, stores.redis, stores.documents, stores.vectors, stores.series, stores.objects)
    ]
    return {
        "under way": sum(under_way),
        "taken from PostgreSQL's pool": stores.postgresql.pool.get_size() - stores.postgresql.pool.get_idle_size(),
    }


def assert_lacks(page: Page, sick: SickSchool, store: str) -> None:
    """Exactly this store's fields are null, each with its coded error; all others are right."""
    expected = sick.without(store)
    assert page.data == expected.data
    assert page.errors == expected.errors
    assert [source["store"] for source in page.sources] == [store]
    assert page.status == 200
    assert page.seconds < PAGE_SECONDS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("store", STORES)
async def test_a_sick_store_costs_its_own_fields_and_all_is_well_soon_after(
    store: str, fault: Callable[[Server], Awaitable[None]], sick: SickSchool
) -> None:
    await fault(sick.servers[store])
    for _ in range(2):
        assert_lacks(await sick.front_page(), sick, store)
    for page in await asyncio.gather(*(sick.front_page() for _ in range(CROWD))):
        assert_lacks(page, sick, store)
    await sick.servers[store].relay.heal()
    await well_again(sick)
    await at_rest(sick)


@pytest.mark.parametrize("store", STORES)
async def test_a_server_that_is_killed_costs_its_own_fields_until_it_is_back(store: str, sick: SickSchool) -> None:
    server = sick.servers[store]
    server.kill()
    await server.gone()
    assert_lacks(await sick.front_page(), sick, store)
    await server.start()
    await well_again(sick)
    await at_rest(sick)


@pytest.mark.parametrize("store", STORES)
async def test_connections_that_are_cut_while_they_lie_idle_cost_nothing(store: str, sick: SickSchool) -> None:
    for _ in range(3):
        sick.servers[store].relay.cut()
        page = await sick.front_page()
        assert (page.data, page.errors) == (sick.healthy.data, {})


@pytest.mark.parametrize("store", STORES)
async def test_a_store_that_comes_and_goes_never_costs_more_than_its_own_fields(store: str, sick: SickSchool) -> None:
    server = sick.servers[store]

    async def flap() -> None:
        while True:
            await server.relay.refuse()
            await asyncio.sleep(0.15)
            await server.relay.heal()
            await asyncio.sleep(0.15)

    flapping = asyncio.create_task(flap())
    until = monotonic() + 3.0
    seen = set()
    while monotonic() < until:
        page = await sick.front_page()
        assert page.seconds < PAGE_SECONDS
        assert {error["code"] for error in page.errors.values()} <= {"STORE_UNAVAILABLE"}
        assert {error["store"] for error in page.errors.values()} <= {store}
        seen.add(bool(page.errors))
    flapping.cancel()
    await asyncio.wait([flapping])
    await server.relay.heal()
    await well_again(sick)


async def test_a_store_that_hangs_keeps_no_threads(sick: SickSchool) -> None:
    async def crowd() -> None:
        await asyncio.gather(*(sick.front_page() for _ in range(CROWD)))

    await crowd()
    sick.servers["mongodb"].relay.hush()
    await crowd()
    await crowd()
    await sick.servers["mongodb"].relay.heal()
    await well_again(sick)
    before = threading.active_count()
    sick.servers["mongodb"].relay.hush()
    for _ in range(3):
        await crowd()
    await sick.servers["mongodb"].relay.heal()
    await well_again(sick)
    assert threading.active_count() <= before
