"""Do answers travel in parts, byte by byte as Apollo's subscriptions and graphql-js 17's @defer have them?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from graph.http.application import Application
from tests.http.partly import Parts, asking
from tests.listening import Listening, ending_token, listening, of_work
from tests.running_school import RunningSchool

LIVE = "subscription { storesLive { kind changes { store { name status } } } }"
APOLLO = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json'
DEFERS = "multipart/mixed;deferSpec=20220824,application/json"
HEAD = "Content-Type: application/json; charset=utf-8"
DEFERRED = '{ viewer { role ...Later @defer(label: "later") } } fragment Later on User { name }'
WHOLE = {"viewer": {"role": "TEACHER", "name": "Maya Lindqvist"}}


@pytest_asyncio.fixture(scope="session")
async def served(school: RunningSchool) -> AsyncIterator[Listening]:
    """A running server."""
    async with listening(school) as server:
        yield server


async def part(parts: Parts) -> Any:
    """The next part, as clients read it: up to the boundary behind it."""
    head, _, body = (await parts.until(b"\r\n--graphql")).decode().partition("\r\n\r\n")
    assert head == f"\r\n{HEAD}"
    return json.loads(body)


async def teacher(served: Listening) -> str:
    return f"Bearer {await served.school.token('teacher')}"


async def test_apollo_follows_a_subscription(served: Listening) -> None:
    async with asking(served, LIVE, accept=APOLLO) as parts:
        assert parts.status == 200
        assert parts.headers["content-type"] == 'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"'
        assert await parts.until(b"\r\n--graphql") == b""
        told = await part(parts)
        assert list(told) == ["payload"]
        assert told["payload"]["data"]["storesLive"]["kind"] == "SNAPSHOT"
        with served.at_work():

            async def told() -> Any:
                return (await part(parts))["payload"]["data"]["storesLive"]

            assert (await of_work(told))["changes"] == [{"store": {"name": "kafka", "status": "WARMING"}}]


async def test_threat_18_a_token_that_ends_is_a_coded_last_part(served: Listening) -> None:
    token = await ending_token(served.school, "teacher", timedelta(seconds=3))
    async with asking(served, LIVE, accept=APOLLO, authorization=f"Bearer {token}") as parts:
        await parts.until(b"\r\n--graphql")
        last = await part(parts)
        assert last["payload"]["data"]["storesLive"]["kind"] == "SNAPSHOT"
        while "errors" not in last:
            last = await part(parts)
        assert (last["payload"], last["errors"][0]["extensions"]["code"]) == (None, "UNAUTHENTICATED")
        assert await parts.rest() == b"--\r\n"


async def test_while_nothing_happens_an_empty_part_is_a_sign_of_life(school: RunningSchool) -> None:
    def lively(app: Application) -> None:
        app.graphql.streams.pulse_seconds = 0.1

    async with listening(school, lively) as served, asking(served, LIVE, accept=APOLLO) as parts:
        await parts.until(b"\r\n--graphql")
        await part(parts)
        assert await part(parts) == {}


async def test_what_is_deferred_comes_later(served: Listening) -> None:
    async with asking(served, DEFERRED, accept=DEFERS, authorization=await teacher(served)) as parts:
        assert parts.headers["content-type"] == 'multipart/mixed; boundary="graphql"'
        await parts.until(b"\r\n--graphql")
        first, then = await part(parts), await part(parts)
        assert first.pop("extensions")["cost"]["requested"] > 0
        assert first == {
            "data": {"viewer": {"role": "TEACHER"}},
            "pending": [{"id": "0", "path": ["viewer"], "label": "later"}],
            "hasNext": True,
        }
        assert then == {
            "incremental": [{"id": "0", "data": {"name": "Maya Lindqvist"}}],
            "completed": [{"id": "0"}],
            "hasNext": False,
        }
        assert await parts.rest() == b"--\r\n"


async def test_a_list_is_streamed(served: Listening) -> None:
    async with asking(served, "{ stores @stream(initialCount: 1) { name } }", accept="multipart/mixed") as parts:
        await parts.until(b"\r\n--graphql")
        first = await part(parts)
        assert (first["data"], first["pending"]) == (
            {"stores": [{"name": "postgresql"}]},
            [{"id": "0", "path": ["stores"]}],
        )
        names, more = ["postgresql"], True
        while more:
            told = await part(parts)
            for each in told.get("incremental", ()):
                names += [item["name"] for item in each["items"]]
            more = told["hasNext"]
        assert names == ["postgresql", "redis", "mongodb", "qdrant", "cassandra", "kafka", "minio"]


async def test_what_is_deferred_and_fails_is_a_coded_error_of_its_part(served: Listening) -> None:
    query = "{ viewer { role ... @defer { engagement(days: 91) { date } } } }"
    async with asking(served, query, accept=DEFERS, authorization=await teacher(served)) as parts:
        await parts.until(b"\r\n--graphql")
        await part(parts)
        [later] = (await part(parts))["incremental"]
        assert later["data"] == {"engagement": None}
        assert [(each["path"], each["extensions"]["code"]) for each in later["errors"]] == [
            (["viewer", "engagement"], "BAD_USER_INPUT")
        ]


async def test_events_carry_the_parts_too(served: Listening) -> None:
    accept = "text/event-stream"
    async with asking(served, DEFERRED, accept=accept, authorization=await teacher(served)) as parts:
        first = json.loads((await parts.until(b"\n\n")).partition(b"data: ")[2])
        assert (first["data"], first["hasNext"]) == ({"viewer": {"role": "TEACHER"}}, True)
        then = json.loads((await parts.until(b"\n\n")).partition(b"data: ")[2])
        assert (then["incremental"][0]["data"], then["hasNext"]) == ({"name": "Maya Lindqvist"}, False)
        assert await parts.rest() == b"event: complete\ndata:\n\n"


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
@pytest.mark.parametrize("execution", ["compiled", "graphql-core"])
async def test_who_takes_one_body_has_it_all_at_once(school: RunningSchool, accept: str, execution: str) -> None:
    async with listening(school, execution=execution) as served:
        async with asking(served, DEFERRED, accept=accept, authorization=await teacher(served)) as parts:
            assert parts.headers["content-type"] == "application/json; charset=utf-8"
            assert json.loads(await parts.rest())["data"] == WHOLE
        streamed = "{ stores @stream(initialCount: 0) { name } }"
        async with asking(served, streamed, accept=accept) as parts:
            assert len(json.loads(await parts.rest())["data"]["stores"]) == 7


async def test_a_query_that_defers_nothing_is_json_where_json_is_taken(served: Listening) -> None:
    async with asking(served, "{ __typename }", accept=DEFERS) as parts:
        assert parts.headers["content-type"] == "application/json; charset=utf-8"
    async with asking(served, "{ __typename }", accept="multipart/mixed") as parts:
        await parts.until(b"\r\n--graphql")
        only = await part(parts)
        assert (only["data"], only["hasNext"]) == ({"__typename": "Query"}, False)
        assert await parts.rest() == b"--\r\n"


async def test_the_guard_refuses_before_a_part_is_made(served: Listening) -> None:
    query = "{ viewer { id ... @defer { classrooms(first: 1000) { nodes { id } } } } }"
    async with asking(served, query, accept=DEFERS, authorization=await teacher(served)) as parts:
        await parts.until(b"\r\n--graphql")
        refused = await part(parts)
        assert ([each["extensions"]["code"] for each in refused["errors"]], refused["hasNext"]) == (
            ["PAGE_SIZE"],
            False,
        )
        assert "data" not in refused
    async with asking(served, "{ classrooms { nodes { id ... @defer { name } } } }", accept=DEFERS) as parts:
        assert parts.status == 401
