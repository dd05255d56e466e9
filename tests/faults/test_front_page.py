"""What does the front page show while one store is sick, and when is all well again?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import pytest_asyncio

from datadir.circuit import READ_DEADLINE
from datadir.mongodb.opening import MOST_CONNECTIONS as MOST_OF_MONGODB
from datadir.postgresql.opening import MOST_CONNECTIONS as MOST_OF_POSTGRESQL
from datadir.redis.client import CONNECTIONS, LONG_READS
from tests.faults.sick_school import SickSchool, seen_healthy
from tests.faults.sickness import (
    FAULTS,
    PAGE_SECONDS,
    PATIENCE,
    Fault,
    at_rest,
    crowd_without,
    hang,
    page_without,
    refuse,
    well_again,
)

STORES = ("postgresql", "redis", "mongodb")
CROWD = 10
# Connections that a relay may hold: the pools', and the two by which pymongo watches its server.
MOST = {"postgresql": MOST_OF_POSTGRESQL, "redis": CONNECTIONS + LONG_READS, "mongodb": MOST_OF_MONGODB + 2}
# A server that was killed has to start first, and reads its files; SecantusDB is the slowest.
RESTART = 30.0


@pytest_asyncio.fixture(autouse=True)
async def healed(sick: SickSchool) -> AsyncIterator[None]:
    yield
    for server in sick.servers.values():
        await server.relay.heal()
    await seen_healthy(sick)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("store", STORES)
async def test_a_sick_store_costs_its_own_fields_and_all_is_well_soon_after(
    store: str, fault: Fault, sick: SickSchool
) -> None:
    relay = sick.servers[store].relay
    await fault(relay)
    for _ in range(2):
        await page_without(sick, store)
    await relay.heal()
    await well_again(sick)
    await at_rest(sick)


@pytest.mark.parametrize("fault", [hang, refuse], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("store", STORES)
async def test_what_a_sick_store_costs_many_pages_does_not_add_up(store: str, fault: Fault, sick: SickSchool) -> None:
    relay = sick.servers[store].relay
    await fault(relay)
    for _ in range(2):
        await crowd_without(sick, store, CROWD)
    await relay.heal()
    await well_again(sick)
    await at_rest(sick)
    assert relay.open <= MOST[store]


@pytest.mark.parametrize("store", STORES)
async def test_a_server_that_is_killed_costs_its_own_fields_until_it_is_back(store: str, sick: SickSchool) -> None:
    server = sick.servers[store]
    # Whoever starts it again meets a relay that refuses until this has seen a page without the store.
    await server.relay.refuse()
    await server.kill()
    await page_without(sick, store)
    until = monotonic() + RESTART
    while store not in server.launcher.pids or not await server.answers():
        assert monotonic() < until
        await asyncio.sleep(0.05)
    await server.relay.heal()
    await well_again(sick)
    await at_rest(sick)


@pytest.mark.parametrize("store", STORES)
async def test_connections_that_are_cut_while_they_lie_idle_cost_nothing(store: str, sick: SickSchool) -> None:
    until = monotonic() + PATIENCE
    for _ in range(3):
        sick.servers[store].relay.cut()
        # On a busy machine new connections may take longer than the deadline: then once more.
        while (page := await sick.front_page()).sources and page.took > READ_DEADLINE:
            assert monotonic() < until
            sick.servers[store].relay.cut()
        assert (page.data, page.errors) == (sick.healthy.data, {})


@pytest.mark.parametrize("store", STORES)
async def test_a_store_that_comes_and_goes_never_costs_more_than_its_own_fields(store: str, sick: SickSchool) -> None:
    relay = sick.servers[store].relay
    # What stands in for Cassandra rests in PostgreSQL, and may meet it while it is away.
    may_fail = {store, "cassandra"} if store == "postgresql" else {store}
    over = asyncio.Event()

    async def flap() -> None:
        while not over.is_set():
            await relay.refuse()
            await asyncio.sleep(0.2)
            await relay.heal()
            await asyncio.sleep(0.7)

    flapping = asyncio.create_task(flap())
    failed = 0
    until = monotonic() + 3.0
    try:
        while monotonic() < until or not failed:
            page = await sick.front_page()
            assert page.seconds < PAGE_SECONDS
            assert {error["code"] for error in page.errors.values()} <= {"STORE_UNAVAILABLE"}
            if page.unwell <= may_fail:  # else the machine was too busy for another one
                assert {error["store"] for error in page.errors.values()} <= may_fail
                failed += bool(page.errors)
    finally:
        over.set()
        await flapping
    await well_again(sick)
    await at_rest(sick)


async def test_a_store_that_hangs_keeps_no_threads(sick: SickSchool) -> None:
    relay = sick.servers["mongodb"].relay

    async def spell() -> None:
        relay.hush()
        await asyncio.gather(*(sick.front_page() for _ in range(CROWD)))
        await relay.heal()
        await well_again(sick)

    # Motor's threads are made when they are first needed, and kept.
    while True:
        before = threading.active_count()
        await spell()
        if threading.active_count() <= before:
            break
    for _ in range(2):
        await spell()
    assert threading.active_count() <= before
