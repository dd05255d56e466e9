"""How often may a person ask in a minute? So often by every way in, counted in the request that reads the session."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from datadir.redis import keys
from graph.limits.bounds import PerRole
from resolvers.rate import Rate
from tests.http.partly import asking
from tests.listening import Listening, listening
from tests.redis_keys import new_session_id
from tests.running_school import RunningSchool
from tests.sockets.talking import LIVE, talking

ASKS = "{ viewer { id } }"
MESSAGE = "You have asked as often as you may for now."


@pytest_asyncio.fixture
async def served(school: RunningSchool) -> AsyncIterator[Listening]:
    """A server at which students ask three times a minute, teachers five, administrators as often as they like; nobody
    has asked yet."""
    rates = PerRole(Rate(3), (("teacher", Rate(5)), ("admin", Rate(0))))
    await forget(school)
    async with listening(school, limit_rate=rates) as server:
        yield server
    await forget(school)


async def forget(school: RunningSchool) -> None:
    """All windows begin anew."""
    redis: Any = school.services.stores.redis.raw
    if found := [key async for key in redis.scan_iter("ratelimit:*")]:
        await redis.delete(*found)


async def asked(served: Listening, account: str, query: str = ASKS, method: str = "POST", **headers: str) -> Any:
    """One answer: its status and body."""
    bearer = f"Bearer {await served.school.token(account)}"
    accept = "application/graphql-response+json"
    async with asking(served, query, accept=accept, method=method, authorization=bearer, **headers) as parts:
        body = json.loads(await parts.rest())
        if parts.status == 429:
            assert parts.headers["retry-after"] == str(body["errors"][0]["extensions"]["retryAfter"])
        return parts.status, body


async def test_a_person_asks_so_often_and_is_told_when_the_next_minute_begins(served: Listening) -> None:
    assert [(await asked(served, "outsider"))[0] for _ in range(3)] == [200] * 3
    status, body = await asked(served, "outsider")
    assert status == 429
    [error] = body["errors"]
    assert (error["message"], error["extensions"]["code"]) == (MESSAGE, "RATE_LIMITED")
    assert 1 <= error["extensions"]["retryAfter"] <= 60
    assert "data" not in body
    assert (await asked(served, "student"))[0] == 200, "others have minutes of their own"


async def test_roles_have_their_own(served: Listening) -> None:
    assert [(await asked(served, "teacher"))[0] for _ in range(6)] == [200] * 5 + [429]
    assert [(await asked(served, "admin"))[0] for _ in range(8)] == [200] * 8


async def test_every_way_in_counts(served: Listening) -> None:
    token = await served.school.token("outsider")
    assert (await asked(served, "outsider", method="GET"))[0] == 200
    async with talking(served) as talk:
        # Opening a socket is no operation.
        await talk.begin(token=token)
        await talk.ask("1", ASKS)
        assert (await talk.hear())["type"] == "next"
        assert (await talk.hear())["type"] == "complete"
        await talk.ask("2", LIVE)
        assert (await talk.hear())["payload"]["data"]["storesLive"]["kind"] == "SNAPSHOT"
        await talk.ask("3", ASKS)
        while (message := await talk.hear())["id"] != "3":
            assert message["type"] == "next", "the stream, which was counted once, goes on"
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
    for accept in ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
        async with asking(served, LIVE, accept=accept, authorization=f"Bearer {token}") as parts:
            assert parts.status == 429
            assert 1 <= int(parts.headers["retry-after"]) <= 60


@pytest.mark.parametrize("query", ["{ shoeSize }", "{ classrooms(first: 1000) { nodes { id } } }"])
async def test_what_is_refused_before_it_is_asked_does_not_count(served: Listening, query: str) -> None:
    for _ in range(5):
        assert (await asked(served, "outsider", query))[0] == 400
    assert (await asked(served, "outsider"))[0] == 200


async def test_it_is_counted_in_the_request_that_reads_the_session(served: Listening) -> None:
    _, body = await asked(served, "outsider", "{ __typename }", x_studygraph_ledger="1")
    assert body["extensions"]["ledger"]["redis"]["calls"] == 1
    claims = served.school.services.tokens.verified(await served.school.token("outsider"))
    redis: Any = served.school.services.stores.redis.raw
    assert await redis.get(keys.rate_limit(claims.user_id, "operations")) == "1"
    assert 50 < await redis.ttl(keys.rate_limit(claims.user_id, "operations")) <= 60


async def test_a_session_that_has_ended_is_told_so_and_counts_for_nobody(served: Listening) -> None:
    tokens, redis = served.school.services.tokens, served.school.services.stores.redis.raw
    claims = tokens.verified(await served.school.token("outsider"))
    never = tokens.access(claims.user_id, "student", new_session_id(claims.user_id), served.school.now).text
    for _ in range(5):
        async with asking(served, ASKS, accept="application/json", authorization=f"Bearer {never}") as parts:
            assert parts.status == 401
    assert await redis.exists(keys.rate_limit(claims.user_id, "operations")) == 0
