"""How does a store fall ill in these tests, and how is a page judged that lacks it?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

from tests.faults.sick_school import Page, SickSchool
from tests.stores.recovery import RECOVERY
from tests.stores.relay import Relay

PAGE_SECONDS: Final = 1.5
# Seconds in which a busy machine must have let the other stores answer in time once.
PATIENCE: Final = 20.0

Fault = Callable[[Relay], Awaitable[None]]


async def hang(relay: Relay) -> None:
    """Connections are accepted, and nothing comes back."""
    relay.hush()


async def refuse(relay: Relay) -> None:
    """Nobody listens."""
    await relay.refuse()


async def reset(relay: Relay) -> None:
    """Who connects is thrown out."""
    relay.reset()


async def latency(relay: Relay) -> None:
    """Every answer comes, and too late."""
    relay.delay = 0.7


async def cut(relay: Relay) -> None:
    """Every answer breaks off in its middle."""
    relay.tear()


async def slow(relay: Relay) -> None:
    """Answers begin in time, and drip."""
    relay.trickle = (8, 0.1)


FAULTS: Final[tuple[Fault, ...]] = (hang, refuse, reset, latency, cut, slow)


async def page_without(sick: SickSchool, store: str) -> Page:
    """Ask for the page and hold it to what it must be without `store`: exactly its fields are null, each with its coded
    error, all others are right, and in time. Where the machine is so busy that another store misses its deadline too,
    ask again."""
    until = monotonic() + PATIENCE
    while (page := await sick.front_page()).unwell - {store}:
        assert page.seconds < PAGE_SECONDS
        assert monotonic() < until, page.sources
    expected = sick.without(store)
    assert page.data == expected.data
    assert page.errors == expected.errors
    assert (page.unwell, page.status) == ({store}, 200)
    assert page.seconds < PAGE_SECONDS
    return page


async def crowd_without(sick: SickSchool, store: str, number: int) -> int:
    """Ask for many pages at once: what a sick store costs does not add up. How many of them lacked that store alone:
    on a busy machine a crowd makes others miss their deadlines too."""
    alone = 0
    lost = set(sick.without(store).errors)
    for page in await asyncio.gather(*(sick.front_page() for _ in range(number))):
        lost_parents = {path[:end] for path in page.errors for end in range(1, len(path) + 1)}
        assert all(any(path[:end] in lost_parents for end in range(1, len(path) + 1)) for path in lost)
        assert {error["code"] for error in page.errors.values()} == {"STORE_UNAVAILABLE"}
        assert page.idle < PAGE_SECONDS
        alone += page.unwell == {store}
    return alone


async def well_again(sick: SickSchool, within: float = RECOVERY) -> None:
    """Ask until the page is whole: so many seconds at most, those not counted in which others had the processors."""
    spent = 0.0
    # Sources too: an answer may be whole and say that one of its calls failed.
    while (page := await sick.front_page()).data != sick.healthy.data or page.sources:
        spent += page.seconds + 0.05
        assert spent < within, (page.errors, page.sources)
        await asyncio.sleep(0.05)
    assert (page.errors, page.status) == ({}, 200)


async def at_rest(sick: SickSchool) -> None:
    """Wait until nothing is under way and every connection is back; background work asks now and then."""
    until = monotonic() + RECOVERY
    while any((busy := under_way(sick)).values()):
        assert monotonic() < until, busy
        await asyncio.sleep(0.005)


def under_way(sick: SickSchool) -> dict[str, int]:
    """Calls that were let in and are not over, by store, and connections that a pool has lent."""
    stores = sick.school.services.stores
    clients = (stores.postgresql, stores.redis, stores.documents, stores.vectors, stores.series, stores.objects)
    pool = stores.postgresql.pool
    return {
        **{client.circuit.store.value: client.circuit.under_way for client in clients},
        "lent by PostgreSQL's pool": pool.get_size() - pool.get_idle_size(),
    }
