"""Does a deploy drop anything? What was begun is finished, and then the server ends in time. (Threat 43.)"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import httpx
import pytest_asyncio

from resolvers.demo.named import NAMED
from resolvers.demo.roster import PASSWORD
from tests.folders import passable_folder
from tests.prepared import copy_of_school
from tests.process.served import LOG_IN, Served, serving
from tests.process.wire import head, post, wire

NAME = "{ __typename }"


@pytest_asyncio.fixture
async def served(kept_school: Path) -> AsyncIterator[Served]:
    """A server with people in it."""
    with passable_folder() as folder:
        data = await copy_of_school(kept_school, folder / "data")
        async with serving(data, STUDYGRAPH_DEMO="true") as served:
            yield served


async def test_what_was_begun_before_sigterm_is_finished(served: Served) -> None:
    credentials = {"email": NAMED.accounts["teacher"], "password": PASSWORD}
    body = json.dumps({"query": LOG_IN, "variables": {"input": credentials}})
    children = json.loads((served.data / "children.json").read_text())
    [redis] = [each["pid"] for each in children if "redis" in str(each)]
    async with wire(served.url) as slow, wire(served.url) as half, wire(served.url) as idle:
        await idle.say(post(NAME))
        assert (await idle.answer())[1].get("connection") != "close"
        # One whose store hangs, one that is only half sent, one that has nothing to do yet.
        os.kill(redis, signal.SIGSTOP)
        await slow.say(head(len(body)) + body.encode())
        await half.say(post(NAME)[:60])
        async with httpx.AsyncClient(trust_env=False) as client:
            while (await in_flight(client, served)) < 1:
                await asyncio.sleep(0.02)
        served.process.send_signal(signal.SIGTERM)
        told = monotonic()
        # Whoever sends something on a connection that is open is answered, and told when it is for the last time.
        last = False
        while not last:
            await idle.say(post(NAME))
            status, headers, _ = await idle.answer()
            assert status == 200
            last = headers.get("connection") == "close"
        await refusing(served.url)
        await half.say(post(NAME)[60:])
        assert (await half.answer())[0] == 200
        os.kill(redis, signal.SIGCONT)
        status, headers, answer = await slow.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert json.loads(answer)["data"]["logIn"]["accessToken"]
        assert await served.ended() == (0, [])
    assert monotonic() - told < 30


async def in_flight(client: httpx.AsyncClient, served: Served) -> int:
    """How many operations are under way."""
    metrics = (await client.get(f"{served.url}/metrics")).text
    (line,) = [each for each in metrics.splitlines() if each.startswith("studygraph_operations_under_way ")]
    return int(float(line.split()[1]))


async def refusing(url: str) -> None:
    """Wait until nobody listens any more."""
    async with asyncio.timeout(5):
        while True:
            try:
                async with wire(url):
                    pass
            except ConnectionRefusedError:
                return
            await asyncio.sleep(0.02)
