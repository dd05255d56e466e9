"""Do answers travel as server-sent events, byte by byte as GraphQL over SSE has them, to those alone who ask for it?"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from graph.http.application import Application
from tests.http.partly import Parts, asking
from tests.listening import Listening, ending_token, listening, of_work
from tests.running_school import RunningSchool

EVENTS = "text/event-stream"
LIVE = "subscription { storesLive { cursor kind changes { store { name status } } } }"
WITHOUT_CURSOR = "subscription { storesLive { kind changes { store { name status } } } }"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)


@pytest_asyncio.fixture(scope="session")
async def served(school: RunningSchool) -> AsyncIterator[Listening]:
    """A running server."""
    async with listening(school) as server:
        yield server


class Event:
    """One event of a stream."""

    def __init__(self, text: str) -> None:
        self.text = text
        fields = dict(line.partition(":")[::2] for line in text.split("\n") if not line.startswith(":"))
        self.kind = fields.get("event", "").strip()
        self.id = fields.get("id", "").strip()
        self.data: Any = json.loads(fields["data"]) if fields.get("data", "").strip() else None


async def next_event(parts: Parts) -> Event:
    """The next event."""
    return Event((await parts.until(b"\n\n")).decode())


async def test_a_stream_is_next_events_with_their_cursors(served: Listening) -> None:
    async with asking(served, LIVE, accept=EVENTS) as parts:
        assert (parts.status, parts.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (parts.headers["cache-control"], parts.headers["x-accel-buffering"]) == ("no-store", "no")
        assert "content-encoding" not in parts.headers
        first = await next_event(parts)
        told = first.data["data"]["storesLive"]
        assert told["kind"] == "SNAPSHOT"
        assert first.text == f"id: {told['cursor']}\nevent: next\ndata: {first.text.partition('data: ')[2]}"
        assert "\r" not in first.text
        with served.at_work():
            heard = []

            async def told() -> Any:
                heard.append(await next_event(parts))
                return heard[-1].data["data"]["storesLive"]

            change = await of_work(told)
            assert change["changes"] == [{"store": {"name": "kafka", "status": "WARMING"}}]
            assert heard[-1].id == change["cursor"] != first.id


async def test_last_event_id_goes_on_whatever_the_document_says(served: Listening) -> None:
    async with asking(served, WITHOUT_CURSOR, accept=EVENTS) as parts:
        cursor = (await next_event(parts)).id
    with served.at_work():
        async with asking(served, WITHOUT_CURSOR, accept=EVENTS, last_event_id=cursor) as parts:

            async def went_on() -> Any:
                return (await next_event(parts)).data["data"]["storesLive"]

            change = {"kind": "CHANGE", "changes": [{"store": {"name": "kafka", "status": "WARMING"}}]}
            assert await of_work(went_on) == change
    async with asking(served, WITHOUT_CURSOR, accept=EVENTS, last_event_id="made-up") as parts:
        event = await next_event(parts)
        assert [each["extensions"]["code"] for each in event.data["errors"]] == ["BAD_CURSOR"]
        assert (await next_event(parts)).text == "event: complete\ndata:"


async def test_a_query_is_one_event_and_its_end(served: Listening) -> None:
    async with asking(served, "{ __typename }", accept=EVENTS) as parts:
        event = await next_event(parts)
        assert (event.kind, event.data["data"]) == ("next", {"__typename": "Query"})
        assert await parts.rest() == b"event: complete\ndata:\n\n"


async def test_an_event_source_asks_by_get(served: Listening) -> None:
    async with asking(served, LIVE, accept=EVENTS, method="GET") as parts:
        assert (await next_event(parts)).data["data"]["storesLive"]["kind"] == "SNAPSHOT"


async def test_a_mutation_by_get_is_405_here_too(served: Listening) -> None:
    async with asking(
        served, 'mutation { logIn(input: {email: "a", password: "b"}) { accessToken } }', accept=EVENTS, method="GET"
    ) as parts:
        assert parts.status == 405
        assert json.loads(await parts.rest())["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (URQL, "application/graphql-response+json"),
        ("application/json, text/event-stream", "application/json"),
        ("text/event-stream;q=0.5, application/json", "application/json"),
        ("text/event-stream, application/json;q=0.5", "text/event-stream"),
        ("text/event-stream, application/json", "text/event-stream"),
        ("text/event-stream, */*", "text/event-stream"),
        ("TEXT/EVENT-STREAM", "text/event-stream"),
        ("text/event-stream;q=0, application/json", "application/json"),
    ],
)
async def test_events_come_only_where_they_rank_above_json(served: Listening, accept: str, kind: str) -> None:
    async with asking(served, "{ __typename }", accept=accept) as parts:
        assert parts.headers["content-type"] == f"{kind}; charset=utf-8"


async def test_a_subscription_by_plain_post_is_a_clear_error(served: Listening) -> None:
    async with asking(served, LIVE, accept="application/graphql-response+json") as parts:
        assert parts.status == 400
        assert json.loads(await parts.rest())["errors"][0]["message"].startswith("A subscription is a stream")


async def test_what_is_wrong_with_the_document_is_an_event(served: Listening) -> None:
    async with asking(served, "subscription { shoeSize }", accept=EVENTS) as parts:
        assert parts.status == 200
        event = await next_event(parts)
        assert [each["extensions"]["code"] for each in event.data["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
        assert await parts.rest() == b"event: complete\ndata:\n\n"


async def test_who_may_not_ask_has_a_status(served: Listening) -> None:
    async with asking(served, LIVE, accept=EVENTS, authorization="Bearer made.up.token") as parts:
        assert (parts.status, parts.headers["content-type"]) == (401, "application/json; charset=utf-8")
        assert json.loads(await parts.rest())["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_threat_18_a_token_that_ends_is_a_coded_last_event(served: Listening) -> None:
    token = await ending_token(served.school, "teacher", timedelta(seconds=3))
    async with asking(served, LIVE, accept=EVENTS, authorization=f"Bearer {token}") as parts:
        assert (await next_event(parts)).kind == "next"
        last = await next_event(parts)
        while "errors" not in last.data:
            last = await next_event(parts)
        assert list(last.data) == ["errors"]
        assert [each["extensions"]["code"] for each in last.data["errors"]] == ["UNAUTHENTICATED"]
        assert await parts.rest() == b"event: complete\ndata:\n\n"


async def test_threat_17_an_account_holds_so_many_streams(school: RunningSchool) -> None:
    async with listening(school, sockets_per_user=1) as served:
        async with asking(served, LIVE, accept=EVENTS) as one:
            await next_event(one)
            async with asking(served, LIVE, accept=EVENTS) as two:
                assert two.status == 429
                assert json.loads(await two.rest())["errors"][0]["extensions"]["code"] == "SUBSCRIPTION_LIMIT"
        async with asking(served, LIVE, accept=EVENTS) as again:
            await next_event(again)


async def test_while_nothing_happens_it_gives_a_sign_of_life(school: RunningSchool) -> None:
    def lively(app: Application) -> None:
        assert app.graphql.streams.pulse_seconds == 15
        app.graphql.streams.pulse_seconds = 0.1

    async with listening(school, lively) as served, asking(served, LIVE, accept=EVENTS) as parts:
        await next_event(parts)
        assert (await parts.until(b"\n\n")).decode() == ": still here"


async def test_threat_17_who_does_not_read_is_told_of_and_dropped(school: RunningSchool) -> None:
    def impatient(app: Application) -> None:
        app.graphql.streams.stalled_seconds = 0.2

    kind = "{ name description ofType { name description ofType { name description ofType { name } } } }"
    fields = f"{{ name description type {kind} args {{ name description type {kind} }} }}"
    query = f"{{ __schema {{ types {{ name description fields {fields} }} }} }}"
    body = json.dumps({"query": query}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: {EVENTS}\r\nContent-Type: application/json\r\n"
    async with listening(school, impatient, send_buffer=4096) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as silent, capture_logs() as logs:
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            async with asyncio.timeout(20):
                while not (slow := [entry for entry in logs if entry["event"] == "slow consumer"]):
                    await asyncio.sleep(0.02)
        assert [(each["code"], each["transport"]) for each in slow] == [("SLOW_CONSUMER", EVENTS)]


async def test_who_leaves_ends_the_stream_at_its_source(served: Listening) -> None:
    def watching() -> list[Any]:
        return [task for task in asyncio.all_tasks() if task.get_name() == "watch"]

    async with asking(served, LIVE, accept=EVENTS) as parts:
        await next_event(parts)
        assert len(watching()) == 1
    async with asyncio.timeout(20):
        while watching():
            await asyncio.sleep(0.02)


async def test_at_the_servers_end_a_stream_ends_without_complete(school: RunningSchool) -> None:
    async with listening(school) as served, asking(served, LIVE, accept=EVENTS) as parts:
        await next_event(parts)
        served.app.stopping.set()
        served.server.should_exit = True
        assert await parts.rest() == b""


async def test_a_page_of_an_allowed_origin_may_read_it(served: Listening) -> None:
    async with asking(served, LIVE, accept=EVENTS, origin="http://localhost:5173") as parts:
        assert parts.headers["access-control-allow-origin"] == "http://localhost:5173"
    async with asking(served, LIVE, accept=EVENTS, origin="https://evil.example") as parts:
        assert parts.status == 400
