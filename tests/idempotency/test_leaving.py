"""What becomes of a mutation whose client leaves, whichever way it came? It is done, and its answer is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, Final
from uuid import uuid4

import pytest
import pytest_asyncio
import websockets

from tests.accounts.somebody import Somebody, newcomer, rows
from tests.http.partly import asking
from tests.idempotency.asking import document, kept
from tests.listening import Listening, listening
from tests.locked import PATIENCE, locked, until_waiting
from tests.running_school import RunningSchool

WAYS: Final = {"event-stream": "text/event-stream", "multipart": "multipart/mixed", "post": "application/json"}


@pytest_asyncio.fixture(scope="module", params=["compiled", "graphql-core"])
async def served(request: Any, changing_school: RunningSchool) -> AsyncIterator[Listening]:
    """A running server whose accounts may change."""
    async with listening(changing_school, execution=request.param) as server:
        yield server


def payload(key: str) -> dict[str, Any]:
    """A mutation under a key."""
    return {"query": document("updateProfile"), "variables": {"input": {"name": "Left", "idempotencyKey": key}}}


async def until_free(served: Listening) -> None:
    """Wait until no operation is under way."""
    end = monotonic() + PATIENCE
    while served.app.admission.under_way:
        assert monotonic() < end, "the place of the operation is still taken"
        await asyncio.sleep(0.01)


async def left(served: Listening, way: str, somebody: Somebody, key: str) -> None:
    """Ask, and leave while the store is slow."""
    asked = payload(key)
    async with locked(served.school, "users") as watcher:
        if way == "websocket":
            socket = await websockets.connect(served.socket_url, subprotocols=[websockets.Subprotocol(PROTOCOL)])
            await socket.send(json.dumps({"type": "connection_init", "payload": {"token": somebody.access}}))
            await socket.recv()
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
            await until_waiting(watcher, 1)
            await socket.close()
        else:
            leaving = asyncio.create_task(ask(served, way, somebody, asked))
            await until_waiting(watcher, 1)
            # The answer has begun where it comes in parts: a second is what it waits for its first.
            await asyncio.wait([leaving], timeout=0 if way == "post" else 1.2)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        end = monotonic() + PATIENCE
        while served.connections:
            assert monotonic() < end, "the connection is still there"
            await asyncio.sleep(0.01)
        assert served.app.admission.under_way == 1
    await until_free(served)


PROTOCOL: Final = "graphql-transport-ws"


async def ask(served: Listening, way: str, somebody: Somebody, asked: dict[str, Any]) -> bytes:
    """Ask over a connection, and read all that comes."""
    token = f"Bearer {somebody.access}"
    async with asking(
        served, asked["query"], accept=WAYS[way], variables=asked["variables"], authorization=token
    ) as parts:
        return await parts.rest()


@pytest.mark.parametrize("way", ["websocket", *WAYS])
async def test_it_is_done_and_answered_to_whoever_asks_again(served: Listening, way: str) -> None:
    somebody, key = await newcomer(served.school), str(uuid4())
    await left(served, way, somebody, key)
    done = await rows(served.school, "select name, xmin::text from users where id = $1", somebody.user_id)
    assert done[0][0] == "Left"
    answer = (await kept(somebody))[key]
    assert answer is not None
    told = json.loads(await ask(served, "post", somebody, payload(key)))
    assert told["data"]["updateProfile"] == json.loads(answer)["data"]
    assert told["extensions"]["replayed"] == ["updateProfile"]
    assert await rows(served.school, "select name, xmin::text from users where id = $1", somebody.user_id) == done


@pytest.mark.parametrize("way", ["event-stream", "multipart"])
async def test_a_server_that_stops_waits_for_it_and_tells_who_stayed(changing_school: RunningSchool, way: str) -> None:
    somebody = await newcomer(changing_school)
    async with listening(changing_school) as served:
        async with locked(changing_school, "users") as watcher:
            staying = asyncio.create_task(ask(served, way, somebody, payload("stay")))
            await until_waiting(watcher, 1)
            served.app.stopping.set()
            served.server.should_exit = True
            await asyncio.wait([staying], timeout=1.5)
            assert not staying.done()
        said = await staying
    assert b'"name":"Left"' in said
    assert set(await kept(somebody)) == {"stay"}
