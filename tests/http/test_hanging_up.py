"""What becomes of an operation whose client hangs up? A query ends, on its stores too; a mutation runs to its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, Final
from urllib.parse import urlencode

import asyncpg
import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from tests.http.partly import asking
from tests.http.test_health import numbers
from tests.listening import Listening, listening
from tests.locked import PATIENCE, locked, until_waiting
from tests.process.wire import Wire, wire
from tests.running_school import RunningSchool

SLOW: Final = "query Slow($id: ID!) { classroom(id: $id) { name meetings(first: 1) { nodes { title } } } }"
QUICK: Final = "{ __typename }"
PARTS: Final = "multipart/mixed;deferSpec=20220824,application/json"
DEFERRED: Final = """
query Parts($id: ID!) { classroom(id: $id) { name ...Later @defer } }
fragment Later on Classroom { meetings(first: 1) { nodes { title } } }
"""
REGISTER: Final = """
mutation Both($first: RegisterInput!, $second: RegisterInput!) {
  first: register(input: $first) { user { id } errors { code } }
  second: register(input: $second) { user { id } errors { code } }
}
"""


@pytest_asyncio.fixture(scope="module", params=["compiled", "graphql-core"])
async def served(request: Any, school: RunningSchool) -> AsyncIterator[Listening]:
    """A running server with room for one operation; each has a minute."""
    async with listening(school, execution=request.param, operations_at_once=1, operations_waiting=0) as server:
        yield server


@pytest_asyncio.fixture(scope="module", params=["compiled", "graphql-core"])
async def changing(request: Any, changing_school: RunningSchool) -> AsyncIterator[Listening]:
    """A running server whose accounts may change."""
    async with listening(changing_school, execution=request.param) as server:
        yield server


async def request_of(served: Listening, asked: object, *, method: str = "POST", account: str = "teacher") -> bytes:
    """The bytes of a request."""
    token = await served.school.token(account)
    head = f"HTTP/1.1\r\nhost: school\r\nauthorization: Bearer {token}\r\n"
    if method == "GET":
        assert isinstance(asked, dict)
        query = urlencode({"query": asked["query"], "variables": json.dumps(asked["variables"])})
        return f"GET /graphql?{query} {head}\r\n".encode()
    body = json.dumps(asked).encode()
    return f"POST /graphql {head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def slow(served: Listening) -> dict[str, Any]:
    """What waits for as long as nobody may read meetings."""
    return {"query": SLOW, "variables": {"id": served.school.ids["classroom"]}}


async def until_free(served: Listening) -> None:
    """Wait until no operation is under way."""
    end = monotonic() + PATIENCE
    while served.app.admission.under_way:
        assert monotonic() < end, "the place of the operation is still taken"
        await asyncio.sleep(0.01)


async def data(connection: Wire) -> Any:
    """The data of the next answer on a connection."""
    async with asyncio.timeout(20):
        status, _, body = await connection.answer()
    answer = json.loads(body)
    assert (status, answer.get("errors")) == (200, None)
    return answer["data"]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_query_that_nobody_waits_for_ends_on_its_store_and_leaves_its_place(
    served: Listening, method: str
) -> None:
    asked = await request_of(served, slow(served), method=method)
    async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{served.port}") as http:
        before = await numbers(http)
        with capture_logs() as logs:
            async with locked(served.school, "meetings") as watcher:
                async with wire(served.url) as leaving:
                    await leaving.say(asked)
                    await until_waiting(watcher, 1)
                # A minute is what the operation has, ten seconds its store: this waits for four.
                await until_waiting(watcher, 0)
                await until_free(served)
                response = await http.post("/graphql", json={"query": QUICK})
                assert response.json()["data"] == {"__typename": "Query"}
        after = await numbers(http)
    gone = [each for each in logs if each.get("name") == "Slow"]
    assert [(each["event"], each["status"], each["errors"], each["log_level"]) for each in gone] == [
        ("operation", 499, 0, "info")
    ]
    assert {each["log_level"] for each in logs} == {"info"}
    [counted] = [key for key in after if key[0] == "studygraph_operations_total" and key[2:] == ("Slow", "499")]
    assert after[counted] - before.get(counted, 0) == 1
    assert not served.server.server_state.tasks
    async with wire(served.url) as staying:
        await staying.say(asked)
        assert len((await data(staying))["classroom"]["meetings"]["nodes"]) == 1


async def test_so_does_every_query_of_a_batch(school: RunningSchool) -> None:
    async with listening(school) as served, locked(school, "meetings") as watcher:
        async with wire(served.url) as leaving:
            await leaving.say(await request_of(served, [slow(served), {"query": QUICK}, slow(served)]))
            await until_waiting(watcher, 2)
        await until_waiting(watcher, 0)
        await until_free(served)


async def test_a_mutation_runs_to_its_end_whoever_listens(changing: Listening, request: Any) -> None:
    names = [f"{name}.{request.node.callspec.id}" for name in ("first", "second")]
    inputs = [{"email": f"{name}@left.school", "password": "seven green bottles", "name": name} for name in names]
    writes = await request_of(
        changing, {"query": REGISTER, "variables": dict(zip(("first", "second"), inputs, strict=True))}
    )
    reads = await request_of(changing, {"query": "query Slow { viewer { name } }"})
    with capture_logs() as logs:
        async with locked(changing.school, "users") as watcher:
            async with wire(changing.url) as leaving, wire(changing.url) as another:
                await leaving.say(writes)
                await until_waiting(watcher, 1)
                await another.say(reads)
                await until_waiting(watcher, 2)
            # The query, which began later, has heard that its client is gone.
            await until_waiting(watcher, 1)
            assert changing.connections == 0
            assert changing.app.admission.under_way == 1
        await until_free(changing)
    ended = [(each["name"], each["status"]) for each in logs if each["event"] == "operation"]
    assert ended == [("Slow", 499), ("Both", 200)]
    owner = await asyncpg.connect(changing.school.owner_dsn)
    emails = [each["email"] for each in inputs]
    written = await owner.fetch("select email from users where email = any($1::text[]) order by email", emails)
    await owner.close()
    assert [each[0] for each in written] == emails


async def test_who_stays_has_each_answer_of_a_connection_in_order(school: RunningSchool) -> None:
    async with listening(school) as served, wire(served.url) as staying:
        async with locked(school, "meetings") as watcher:
            second = await request_of(served, {"query": "{ second: __typename }"})
            await staying.say(await request_of(served, slow(served)) + second)
            await until_waiting(watcher, 1)
            async with wire(served.url) as leaving:
                await leaving.say(await request_of(served, slow(served)))
                await until_waiting(watcher, 2)
            # What began later is listened for already; so is, then, what waits with a request behind it.
            await until_waiting(watcher, 1)
            await staying.say(await request_of(served, {"query": "{ third: __typename }"}))
        assert len((await data(staying))["classroom"]["meetings"]["nodes"]) == 1
        assert await data(staying) == {"second": "Query"}
        assert await data(staying) == {"third": "Query"}
        await staying.say(await request_of(served, {"query": "{ fourth: __typename }"}))
        assert await data(staying) == {"fourth": "Query"}


async def test_who_leaves_with_a_request_behind_the_slow_one_is_noticed_too(school: RunningSchool) -> None:
    with capture_logs() as logs:
        async with listening(school) as served, locked(school, "meetings") as watcher:
            async with wire(served.url) as leaving:
                behind = await request_of(served, {"query": "query Behind { __typename }"})
                await leaving.say(await request_of(served, slow(served)) + behind)
                await until_waiting(watcher, 1)
            await until_waiting(watcher, 0)
            await until_free(served)
    assert [(each["name"], each["status"]) for each in logs if each["event"] == "operation"] == [("Slow", 499)]


@pytest.mark.parametrize("when", ["before its first part", "after it"])
async def test_an_answer_in_parts_ends_with_who_reads_it(served: Listening, when: str) -> None:
    table = "classrooms" if when == "before its first part" else "meetings"
    asked = await request_of(served, {"query": DEFERRED, "variables": {"id": served.school.ids["classroom"]}})
    async with locked(served.school, table) as watcher:
        if when == "after it":
            token = f"Bearer {await served.school.token('teacher')}"
            variables = {"id": served.school.ids["classroom"]}
            async with asking(served, DEFERRED, accept=PARTS, variables=variables, authorization=token) as parts:
                assert b"Plant Biology" in await parts.until(b'"hasNext":true')
                await until_waiting(watcher, 1)
        else:
            async with wire(served.url) as leaving:
                await leaving.say(asked.replace(b"\r\n", f"\r\naccept: {PARTS}\r\n".encode(), 1))
                await until_waiting(watcher, 1)
        await until_waiting(watcher, 0)
        await until_free(served)
