"""What becomes of those for whom there is no room? They are told at once, and health still answers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

import httpx
import pytest_asyncio

from graph.http.admission import PATIENCE
from tests.folders import passable_folder
from tests.prepared import copy_of_school
from tests.process.held import descendants
from tests.process.served import LOG_IN, Served, serving
from tests.process.wire import head, post, refusal, wire

AT_ONCE, WAITING = 4, 2
NOBODY = {"query": LOG_IN, "variables": {"input": {"email": "nobody@demo.school", "password": "none of them"}}}
SENTENCE = "The server has as much to do as it can: come again in a moment."


@pytest_asyncio.fixture(scope="module")
async def served(kept_school: Path) -> AsyncIterator[Served]:
    """A server with little room."""
    with passable_folder() as folder:
        room = {"STUDYGRAPH_OPERATIONS_AT_ONCE": AT_ONCE, "STUDYGRAPH_OPERATIONS_WAITING": WAITING}
        data = await copy_of_school(kept_school, folder / "data")
        async with serving(data, **room) as served:
            yield served


async def metric(client: httpx.AsyncClient, name: str) -> float:
    """One number of /metrics."""
    [line] = [each for each in (await client.get("/metrics")).text.splitlines() if each.startswith(f"{name} ")]
    return float(line.split()[-1])


async def test_beyond_its_room_a_worker_says_so_at_once_and_is_well_when_it_has_room_again(served: Served) -> None:
    body = json.dumps(NOBODY).encode()
    children = json.loads((served.data / "children.json").read_text())
    [postgresql] = [each["pid"] for each in children if "postgresql" in str(each)]
    address = {"trust_env": False, "base_url": served.url}
    async with AsyncExitStack() as stack, httpx.AsyncClient(**address) as client:
        busy = [await stack.enter_async_context(wire(served.url)) for _ in range(AT_ONCE)]
        queue = [await stack.enter_async_context(wire(served.url)) for _ in range(WAITING)]
        late = await stack.enter_async_context(wire(served.url))
        await metric(client, "studygraph_operations_under_way")
        # A store that hangs: what asks it stays under way.
        for pid in [postgresql, *descendants(postgresql)]:
            os.kill(pid, signal.SIGSTOP)
        try:
            for each in busy:
                await each.say(head(len(body)) + body)
            while await metric(client, "studygraph_operations_under_way") < AT_ONCE:
                await asyncio.sleep(0.01)
            for each in queue:
                await each.say(post("{ __typename }"))
            while await metric(client, "studygraph_operations_waiting") < WAITING:
                await asyncio.sleep(0.01)
            quickest = 1.0
            for _ in range(20):
                asked = monotonic()
                # Its body is not even waited for, and what it would ask is not parsed.
                await late.say(head(5) + b"{{{{{")
                status, headers, answer = await late.answer()
                quickest = min(quickest, monotonic() - asked)
                assert (status, headers["retry-after"]) == (503, "1")
                assert refusal(answer) == ("OVERLOADED", SENTENCE)
            assert quickest < 0.05
            asked = monotonic()
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            assert monotonic() - asked < 1
            # The queue is short in time, too.
            for each in queue:
                async with asyncio.timeout(PATIENCE + 2):
                    assert (await each.answer())[0] == 503
            assert await metric(client, 'studygraph_shed_total{what="operation"}') == 20 + WAITING
        finally:
            for pid in [postgresql, *descendants(postgresql)]:
                os.kill(pid, signal.SIGCONT)
        for each in busy:
            assert (await each.answer())[0] == 200
        assert (await client.post("/graphql", json={"query": "{ __typename }"})).status_code == 200
        assert await metric(client, "studygraph_operations_under_way") == 0
