"""Does each event of a stream have an answer of its own: who asks, what they may see, what there is to see?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from structlog.testing import capture_logs

from datadir.errors import StoreUnavailable
from datadir.names import StoreName
from datadir.scope import SYSTEM, Scope
from graph.app import Answer, Graph
from graph.authn import viewer_of
from graph.http.envelope import Envelope
from resolvers.demo.named import NAMED
from resolvers.demo.roster import PASSWORD
from resolvers.operation import Operation
from resolvers.tokens import ACCESS_LIFETIME, LEEWAY
from tests.live.following import following
from tests.live.glimpses import SCHEMA, glimpsing, source
from tests.running_school import LOG_IN, RunningSchool

GLIMPSES = "subscription G($id: ID!) { glimpses(id: $id) { number classroom { name joinCode teacher { name } } } }"
SEEN = {"name": "Plant Biology", "joinCode": "LEAF2K7M", "teacher": {"name": "Maya Lindqvist"}}


@pytest.fixture
def glimpses(graph: Graph) -> Graph:
    """A graph with a stream that reads."""
    return glimpsing(graph)


@asynccontextmanager
async def glimpsed(
    graph: Graph, school: RunningSchool, *, token: str | None = None, **shown: Any
) -> AsyncIterator[AsyncGenerator[Answer, None]]:
    """The demo's classroom, followed by its teacher."""
    sent = token or await school.token("teacher")
    async with following(graph, GLIMPSES, {"id": school.ids["classroom"]}, token=sent, **shown) as answers:
        yield answers


async def glimpse(answers: AsyncIterator[Answer], number: int) -> dict[str, Any]:
    """What is answered to the glimpse of this number."""
    source.said.put_nowait(number)
    body = (await anext(answers)).body
    assert body["data"]["glimpses"]["number"] == number
    return body


def codes(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body.get("errors", ())]


async def test_an_event_is_read_when_it_comes(glimpses: Graph, school: RunningSchool) -> None:
    postgresql = school.services.stores.postgresql
    async with glimpsed(glimpses, school) as answers:
        assert (await glimpse(answers, 1))["data"]["glimpses"]["classroom"] == SEEN
        try:
            async with postgresql.transaction(SYSTEM) as tx:
                await tx.execute("update classrooms set name = 'Renamed' where name = 'Plant Biology'")
            assert (await glimpse(answers, 2))["data"]["glimpses"]["classroom"] == {**SEEN, "name": "Renamed"}
        finally:
            async with postgresql.transaction(SYSTEM) as tx:
                await tx.execute("update classrooms set name = 'Plant Biology' where name = 'Renamed'")


async def test_who_may_no_longer_see_it_is_not_shown_the_next(glimpses: Graph, school: RunningSchool) -> None:
    postgresql, member = school.services.stores.postgresql, uuid4()
    async with postgresql.transaction(SYSTEM) as tx:
        await tx.execute(
            "insert into classroom_members (id, classroom_id, user_id, role) "
            "select $1, c.id, u.id, 'student' from classrooms c, users u "
            "where c.name = 'Plant Biology' and u.email = $2",
            member,
            NAMED.accounts["outsider"],
        )
    try:
        async with glimpsed(glimpses, school, token=await school.token("outsider")) as answers:
            body = await glimpse(answers, 1)
            assert body["data"]["glimpses"]["classroom"] == {**SEEN, "joinCode": None}
            assert codes(body) == ["FORBIDDEN"]
            async with postgresql.transaction(SYSTEM) as tx:
                await tx.execute("update classroom_members set role = 'assistant' where id = $1", member)
            assert (await glimpse(answers, 2))["data"]["glimpses"]["classroom"] == SEEN
            async with postgresql.transaction(SYSTEM) as tx:
                await tx.execute("delete from classroom_members where id = $1", member)
            body = await glimpse(answers, 3)
            assert body["data"]["glimpses"]["classroom"] is None
            assert codes(body) == ["NOT_FOUND"]
    finally:
        async with postgresql.transaction(SYSTEM) as tx:
            await tx.execute("delete from classroom_members where id = $1", member)


async def test_a_session_that_ends_ends_the_stream_at_its_next_event(glimpses: Graph, school: RunningSchool) -> None:
    credentials = {"email": NAMED.accounts["teacher"], "password": PASSWORD}
    token = (await school.post(LOG_IN, {"input": credentials})).json()["data"]["logIn"]["accessToken"]
    redis = school.services.stores.redis.raw
    async with glimpsed(glimpses, school, token=token) as answers:
        await glimpse(answers, 1)
        session = jwt.decode(token, options={"verify_signature": False})["sid"]
        await redis.delete(*[key async for key in redis.scan_iter(f"*{session}*")])
        source.said.put_nowait(2)
        last = await anext(answers)
        assert (last.status, codes(last.body), "data" in last.body) == (401, ["UNAUTHENTICATED"], False)
        assert [each async for each in answers] == []
        assert source.closed.is_set()


async def test_a_token_that_ends_ends_the_stream_without_any_event(glimpses: Graph, school: RunningSchool) -> None:
    claims = school.services.tokens.verified(await school.token("teacher"))
    begun = datetime.now(UTC) - ACCESS_LIFETIME - LEEWAY + timedelta(seconds=1.5)
    token = school.services.tokens.access(claims.user_id, claims.role, claims.session_id, begun).text
    async with glimpsed(glimpses, school, token=token) as answers:
        await glimpse(answers, 1)
        [last] = [each async for each in answers]
        assert (last.status, codes(last.body)) == (401, ["UNAUTHENTICATED"])
        assert last.body["errors"][0]["message"] == "This access token has expired."
        assert source.closed.is_set()


async def test_leaving_ends_the_source_at_once(glimpses: Graph, school: RunningSchool) -> None:
    async with glimpsed(glimpses, school) as answers:
        await glimpse(answers, 1)
        assert not source.closed.is_set()
        await answers.aclose()
        assert source.closed.is_set()


async def test_leaving_while_waiting_ends_it_too(glimpses: Graph, school: RunningSchool) -> None:
    async with glimpsed(glimpses, school) as answers:
        await glimpse(answers, 1)
        waiting = asyncio.ensure_future(anext(answers))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert source.closed.is_set()


async def test_a_source_that_ends_ends_the_stream(glimpses: Graph, school: RunningSchool) -> None:
    async with glimpsed(glimpses, school) as answers:
        await glimpse(answers, 1)
        source.said.put_nowait(None)
        assert [each async for each in answers] == []


async def test_a_source_that_fails_ends_the_stream_with_a_coded_error(glimpses: Graph, school: RunningSchool) -> None:
    async with glimpsed(glimpses, school) as answers:
        await glimpse(answers, 1)
        source.said.put_nowait(ValueError("hunter2"))
        with capture_logs() as logs:
            [last] = [each async for each in answers]
        [error] = last.body["errors"]
        assert last.body["data"] is None
        assert (error["path"], error["message"]) == (["glimpses"], "Something went wrong on our side.")
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        [defect, stream] = [entry for entry in logs if entry["event"] in ("defect", "stream")]
        assert isinstance(defect["exc_info"], ValueError)
        assert (stream["name"], stream["events"]) == ("G", 1)
        assert defect["request_id"] == stream["request_id"] == error["extensions"]["requestId"]


async def test_arguments_that_make_no_sense_end_it_before_it_begins(glimpses: Graph, school: RunningSchool) -> None:
    token = f"Bearer {await school.token('teacher')}"
    envelope = Envelope(GLIMPSES, {"id": school.ids["meeting"]})
    [answer] = [each async for each in glimpses.stream(envelope, authorization=token)]
    assert (answer.body["data"], codes(answer.body)) == (None, ["NOT_FOUND"])
    [answer] = [each async for each in glimpses.stream(Envelope(GLIMPSES), authorization=token)]
    assert (answer.status, codes(answer.body)) == (400, ["BAD_USER_INPUT"])


async def test_nobody_follows_without_an_account_what_needs_one(glimpses: Graph, school: RunningSchool) -> None:
    envelope = Envelope(GLIMPSES, {"id": school.ids["classroom"]})
    [answer] = [each async for each in glimpses.stream(envelope, authorization=None)]
    assert (answer.status, codes(answer.body)) == (401, ["UNAUTHENTICATED"])


class Shaky(Operation):
    """An operation whose scope cannot be read for a while."""

    down = True

    async def whole_scope(self) -> Scope:
        """As ever, or not at all."""
        if Shaky.down:
            raise StoreUnavailable(StoreName.POSTGRESQL)
        return await super().whole_scope()


async def test_an_event_without_a_scope_is_that_error_and_the_next_is_read(
    glimpses: Graph, school: RunningSchool
) -> None:
    viewer = await viewer_of(school.services, f"Bearer {await school.token('teacher')}", reads=True)
    context = glimpses.context(viewer)
    context.operation = Shaky(school.services, viewer)
    events: Any = await SCHEMA.subscribe(GLIMPSES, {"id": school.ids["classroom"]}, context_value=context)
    async with aclosing(events):
        Shaky.down = True
        source.said.put_nowait(1)
        answer = await anext(events)
        [error] = [each.formatted for each in answer.errors]
        assert (answer.data, error["path"]) == (None, ["glimpses"])
        assert error["extensions"] == {"code": "STORE_UNAVAILABLE", "store": "postgresql"}
        Shaky.down = False
        source.said.put_nowait(2)
        answer = await anext(events)
        assert (answer.errors, answer.data) == (None, {"glimpses": {"number": 2, "classroom": SEEN}})
    assert source.closed.is_set()


async def test_one_plan_serves_the_stream_and_says_what_an_event_asks(school: RunningSchool) -> None:
    graph = glimpsing(Graph(school.services, school.settings.model_copy(update={"execution": "compiled"})))
    async with glimpsed(graph, school, wants_ledger=True, explain="1") as answers:
        for number in range(3):
            extensions = (await glimpse(answers, number))["extensions"]
            calls = {store: entry["calls"] for store, entry in extensions["ledger"].items()}
            # The session, the scope, the classroom, its teacher.
            assert calls == {"postgresql": 3, "redis": 1} == extensions["plan"]["calls"]
        assert extensions["plan"]["levels"] == [
            {"level": 1, "edges": [{"path": "glimpses", "calls": {}}]},
            {"level": 2, "edges": [{"path": "glimpses.classroom", "calls": {"postgresql": 1}}]},
            {"level": 3, "edges": [{"path": "glimpses.classroom.teacher", "calls": {"postgresql": 1}}]},
        ]
    assert (graph.plans.counts.misses, graph.plans.counts.hits, graph.plans.counts.fallbacks) == (1, 0, {})


async def test_its_plan_is_told_without_beginning_it(school: RunningSchool) -> None:
    graph = glimpsing(Graph(school.services, school.settings))
    async with glimpsed(graph, school, explain="only") as answers:
        [answer] = [each async for each in answers]
    assert answer.body["extensions"]["plan"]["calls"] == {"postgresql": 3, "redis": 1}
    assert not source.closed.is_set()


async def test_both_ways_ask_the_same_of_the_stores(glimpses: Graph, school: RunningSchool) -> None:
    async with glimpsed(glimpses, school, wants_ledger=True) as answers:
        ledger = (await glimpse(answers, 1))["extensions"]["ledger"]
        assert {store: entry["calls"] for store, entry in ledger.items()} == {"postgresql": 3, "redis": 1}


@pytest.mark.parametrize(
    "document", ["{ viewer { name } }", "{", "query A { __typename } query B { __typename }", "{ x }"]
)
async def test_what_is_no_subscription_has_its_one_answer(graph: Graph, school: RunningSchool, document: str) -> None:
    token = f"Bearer {await school.token('teacher')}"
    answers = [each async for each in graph.stream(Envelope(document), authorization=token)]
    assert answers == [await graph.answer(Envelope(document), authorization=token)]
