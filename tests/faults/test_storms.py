"""What do clients that ask again and again cost a store that is ill, and what does it cost us? (Threat 41.)

Attempts are counted where they arrive: at the relay before the store.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from time import monotonic
from typing import Final

import pytest
import pytest_asyncio

from datadir.circuit import REST, Circuit
from datadir.errors import StoreUnavailable
from tests.faults.sick_school import SickSchool, seen_healthy, starved
from tests.faults.sickness import (
    PAGE_SECONDS,
    PATIENCE,
    Fault,
    at_rest,
    crowd_without,
    hang,
    page_without,
    reset,
    well_again,
)
from tests.stores.recovery import RECOVERY
from tests.stores.relay import Relay

STORES: Final = ("postgresql", "redis", "mongodb")
CROWD: Final = 5
STORM: Final = 20
# Attempts in each second in which a circuit rests: the one call that tries, made again once where that failed quickly;
# background work, which has a pace of its own; pymongo, which looks for its server twice a second; the pools' new
# connections for them.
ATTEMPTS_A_SECOND: Final = 12


@pytest_asyncio.fixture(autouse=True)
async def healed(sick: SickSchool) -> AsyncIterator[None]:
    yield
    for server in sick.servers.values():
        await server.relay.heal()
    await seen_healthy(sick)


def circuit_of(sick: SickSchool, store: str) -> Circuit:
    stores = sick.school.services.stores
    circuits = (stores.postgresql.circuit, stores.redis.circuit, stores.documents.circuit)
    return next(circuit for circuit in circuits if circuit.store == store)


def attempts(relay: Relay) -> int:
    """Connections asked for, and questions on those that there are."""
    return relay.knocks + relay.questions


@pytest.mark.parametrize("fault", [hang, reset], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("store", STORES)
async def test_a_storm_of_pages_meets_an_open_circuit_and_leaves_the_store_alone(
    store: str, fault: Fault, sick: SickSchool
) -> None:
    relay, circuit = sick.servers[store].relay, circuit_of(sick, store)
    await crowd_without_fault(sick)
    threads = unpooled_threads()
    await fault(relay)
    until = monotonic() + RECOVERY
    while circuit.state == "closed":
        assert monotonic() < until
        await crowd_without(sick, store, CROWD)
    began, before, refused = monotonic(), attempts(relay), circuit.refused
    met = 0
    while met < STORM:
        assert monotonic() < began + PATIENCE
        met += await crowd_without(sick, store, CROWD)
    rests = (monotonic() - began) / REST + 1
    assert circuit.refused - refused >= met - 2 * rests
    assert attempts(relay) - before <= ATTEMPTS_A_SECOND * rests
    # As quick as a page whose store refuses at once: nothing waits for it any more.
    assert (await page_without(sick, store)).seconds < PAGE_SECONDS
    await relay.heal()
    await well_again(sick)
    await at_rest(sick)
    assert circuit.state == "closed"
    assert unpooled_threads() <= threads


def unpooled_threads() -> int:
    """Threads that no executor bounds: pymongo's own."""
    return sum(not each.name.startswith(("ThreadPoolExecutor", "asyncio_")) for each in threading.enumerate())


async def crowd_without_fault(sick: SickSchool) -> None:
    """Let pools and threads grow to what a crowd takes."""
    for _ in range(2):
        await asyncio.gather(*(sick.front_page() for _ in range(CROWD)))


async def test_a_thousand_calls_at_once_are_refused_beyond_the_bulkhead_and_then_altogether(sick: SickSchool) -> None:
    relay, redis = sick.servers["redis"].relay, sick.school.services.stores.redis
    await hang(relay)

    async def thousand() -> tuple[float, int]:
        """How long they took, and how many attempts were made meanwhile."""
        began, waited, before = monotonic(), starved(), attempts(relay)
        answers = await asyncio.gather(*(redis.get(f"storm:{n}") for n in range(1000)), return_exceptions=True)
        assert {isinstance(answer, StoreUnavailable) for answer in answers} == {True}
        return monotonic() - began - (starved() - waited), attempts(relay) - before

    seconds, made = await thousand()
    assert seconds < PAGE_SECONDS
    # One on each connection, and as many new ones: who has to wait for one has its deadline over before.
    assert made <= 2 * redis.circuit.most
    assert redis.circuit.state == "opened"
    _, made = await thousand()
    assert made <= ATTEMPTS_A_SECOND
    assert redis.circuit.under_way <= 1, "background work may try"
    await relay.heal()
    await well_again(sick)
    await at_rest(sick)
