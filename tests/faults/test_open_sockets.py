"""Who listens on while Redis is away? With `grace`, whoever was seen alive within a minute; else nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic
from typing import Final

import pytest
import pytest_asyncio

from tests.faults.sick_school import SickSchool, seen_healthy
from tests.faults.test_sessions import log_in, seen_alive
from tests.http.partly import asking
from tests.listening import listening
from tests.sockets.talking import talking

SECONDS: Final = 5.0
# It asks no store but the session's when it begins, and has no event of its own.
LIVE: Final = "subscription { storesLive { kind } }"
AWAY: Final = "The store redis does not answer at the moment."


@pytest_asyncio.fixture(autouse=True)
async def healed(sick: SickSchool) -> AsyncIterator[None]:
    yield
    await sick.servers["redis"].relay.heal()
    await seen_healthy(sick)


async def test_with_grace_a_socket_stays_open_and_reads_on(
    sick: SickSchool,
) -> None:
    token = await log_in(sick.school)
    await seen_alive(sick.school, token)
    async with listening(sick.school) as served, talking(served) as talk:
        await talk.begin(token=token)
        await sick.servers["redis"].relay.refuse()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SECONDS):
                await talk.connection.recv()
        await talk.ask("1", "{ viewer { role } }")
        assert (await talk.hear())["payload"]["data"] == {"viewer": {"role": "STUDENT"}}


async def test_without_it_all_that_listens_ends(sick: SickSchool) -> None:
    token = await log_in(sick.school)
    await seen_alive(sick.school, token)
    refusing = replace(sick.school, services=replace(sick.school.services, seen_sessions=None))
    async with (
        listening(refusing) as served,
        talking(served) as talk,
        asking(served, LIVE, accept="text/event-stream", authorization=f"Bearer {token}") as events,
    ):
        await talk.begin(token=token)
        assert b"SNAPSHOT" in await events.until(b"\n\n")
        started = monotonic()
        await sick.servers["redis"].relay.refuse()
        assert await talk.closed() == (1013, f"STORE_UNAVAILABLE: {AWAY}")
        told = (await events.rest()).decode().split("\n\n")
        assert monotonic() - started < SECONDS
        [error] = json.loads(told[-3].partition("data: ")[2])["errors"]
        assert error == {"message": AWAY, "extensions": {"code": "STORE_UNAVAILABLE", "store": "redis"}}
        assert told[-2] == "event: complete\ndata:"
