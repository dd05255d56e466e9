"""What does a real Cassandra or Kafka cost the front page while it is ill, and when is all well again?

One school whose other stores are embedded. Both are reached through relays, which make the faults; Kafka's clients are
told by the broker where it is, so it names its relay. And both are killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.kafka.event import Event
from datadir.names import StoreName
from datadir.scope import SYSTEM
from tests.faults.sick_school import SickSchool, seen_healthy, write_school
from tests.faults.sickness import FAULTS, PAGE_SECONDS, Fault, at_rest, page_without, well_again
from tests.folders import passable_folder
from tests.real.conftest import had
from tests.running_school import running_school
from tests.servers import cassandra, kafka
from tests.servers.server import Process, Server
from tests.stores.eventlog_contract import TOPIC, receive
from tests.stores.recovery import RECOVERY
from tests.stores.relay import Relay, Wire, relay_to


@pytest_asyncio.fixture(scope="module")
async def cassandra_of_faults() -> AsyncIterator[Server]:
    async with had(cassandra.running()) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def before_kafka() -> AsyncIterator[Relay]:
    """It listens before the broker does, which has to know its port: `kafka_of_faults` says where that is."""
    async with Relay(_nowhere).listening() as relay:
        yield relay


async def _nowhere() -> Wire:
    raise ConnectionRefusedError


@pytest_asyncio.fixture(scope="module")
async def kafka_of_faults(before_kafka: Relay) -> AsyncIterator[Server]:
    """Always one of ours: it is killed."""
    async with had(kafka.running({}, behind=before_kafka.port)) as server:
        before_kafka.leads_to(f"kafka://{server.settings['KAFKA_BOOTSTRAP_SERVERS']}")
        yield server


@pytest_asyncio.fixture(scope="module")
async def before_cassandra(cassandra_of_faults: Server) -> AsyncIterator[Relay]:
    settings = cassandra_of_faults.settings
    host = settings["CASSANDRA_HOST"].split(",")[0]
    async with relay_to(f"cql://{host}:{settings['CASSANDRA_PORT']}").listening() as relay:
        yield relay


@pytest_asyncio.fixture(scope="module")
async def sick(
    before_cassandra: Relay, before_kafka: Relay, cassandra_of_faults: Server, kafka_of_faults: Server
) -> AsyncIterator[SickSchool]:
    """The school, once its page was seen whole."""
    servers = (cassandra_of_faults, kafka_of_faults)
    named: dict[str, Any] = {name.lower(): value for server in servers for name, value in server.settings.items()}
    named |= {"cassandra_host": "127.0.0.1", "cassandra_port": before_cassandra.port}
    named |= {"kafka_bootstrap_servers": f"127.0.0.1:{before_kafka.port}"}
    with passable_folder() as folder:
        await write_school(folder / "data", **named)
        async with running_school(folder / "data", store_deadline_ms=400, **named) as school:
            yield await seen_healthy(SickSchool(school, {}, {}))


@pytest.fixture
def ours(kafka_of_faults: Server) -> Process:
    return kafka_of_faults.process


@pytest_asyncio.fixture(autouse=True)
async def healed(sick: SickSchool, before_cassandra: Relay, before_kafka: Relay) -> AsyncIterator[None]:
    yield
    await before_cassandra.heal()
    await before_kafka.heal()
    await seen_healthy(sick)


# Cassandra


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_without_cassandra_the_page_lacks_its_series_and_all_is_well_soon_after(
    fault: Fault, sick: SickSchool, before_cassandra: Relay
) -> None:
    await fault(before_cassandra)
    for _ in range(2):
        await page_without(sick, "cassandra")
    await before_cassandra.heal()
    await well_again(sick)
    await at_rest(sick)


async def test_a_cassandra_that_comes_and_goes_costs_nothing_but_its_series(
    sick: SickSchool, before_cassandra: Relay
) -> None:
    for _ in range(5):
        await before_cassandra.refuse()
        await page_without(sick, "cassandra")
        await before_cassandra.heal()
        await sick.front_page()
    # Each change of mind makes the driver begin again, in threads that share two cores with the server.
    await well_again(sick, within=15.0)
    await at_rest(sick)


async def test_a_cassandra_that_was_killed_is_found_again(
    sick: SickSchool, cassandra_of_faults: Server, before_cassandra: Relay
) -> None:
    if not cassandra_of_faults.processes:
        pytest.skip("CASSANDRA_HOST names a server that is not ours to end")
    await cassandra_of_faults.process.kill()
    await page_without(sick, "cassandra")
    await cassandra_of_faults.process.start()
    # It listens long before it is warm: its first answers take longer than any deadline of ours.
    await well_again(sick, within=30.0)
    await at_rest(sick)


# Kafka


async def appended(sick: SickSchool, key: str, number: int) -> list[Event]:
    """Events of one key, through the interface of the event log."""
    stores = sick.school.services.stores
    events = [Event(uuid4(), TOPIC, key, "page_view", {"nth": nth}, datetime.now(UTC)) for nth in range(number)]
    async with stores.postgresql.transaction(SYSTEM, store=StoreName.KAFKA) as tx:
        assert await stores.events.append(tx, events) == number
    return events


async def published(sick: SickSchool, events: list[Event]) -> None:
    """Wait until the broker has acknowledged them; RECOVERY seconds at most."""
    pg, until = sick.school.services.stores.postgresql, monotonic() + RECOVERY
    waiting = "select 1 from outbox where event_id = any($1) and published_at is null"
    left = True
    while left:
        assert monotonic() < until
        async with pg.transaction(SYSTEM, store=StoreName.KAFKA) as tx:
            left = bool(await tx.fetch(waiting, [each.event_id for each in events]))
        await asyncio.sleep(0.05)


async def test_events_of_a_time_without_kafka_arrive_in_order_when_it_is_back(sick: SickSchool, ours: Process) -> None:
    key = str(uuid4())
    before = await appended(sick, key, 3)
    await published(sick, before)
    await ours.kill()
    meanwhile = await appended(sick, key, 5)
    page = await sick.front_page()
    assert "kafka" not in page.unwell
    await ours.start()
    await published(sick, meanwhile)
    got = await receive(sick.school.services.stores.events, f"g-{uuid4()}", [key], 8)
    # At least once: what was on its way when the broker died may come twice.
    assert list(dict.fromkeys(each.event.event_id for each in got)) == [each.event_id for each in (*before, *meanwhile)]
    await well_again(sick)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_a_sick_kafka_costs_the_page_nothing_and_loses_no_event(
    fault: Fault, sick: SickSchool, before_kafka: Relay
) -> None:
    key = str(uuid4())
    before = await appended(sick, key, 3)
    await published(sick, before)
    await fault(before_kafka)
    meanwhile = await appended(sick, key, 5)
    page = await sick.front_page()
    assert "kafka" not in page.unwell
    assert page.seconds < PAGE_SECONDS
    await before_kafka.heal()
    await published(sick, meanwhile)
    got = await receive(sick.school.services.stores.events, f"g-{uuid4()}", [key], 8)
    assert list(dict.fromkeys(each.event.event_id for each in got)) == [each.event_id for each in (*before, *meanwhile)]
    await well_again(sick)


async def test_a_kafka_that_hangs_keeps_nobody_waiting_and_loses_nothing(sick: SickSchool, ours: Process) -> None:
    key = str(uuid4())
    ours.pause()
    try:
        began = monotonic()
        events = await appended(sick, key, 5)
        page = await sick.front_page()
        assert "kafka" not in page.unwell
        assert monotonic() - began < 5.0
    finally:
        ours.resume()
    await published(sick, events)
    got = await receive(sick.school.services.stores.events, f"g-{uuid4()}", [key], 5)
    assert list(dict.fromkeys(each.event.event_id for each in got)) == [each.event_id for each in events]
