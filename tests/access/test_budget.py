"""May one account's operations cost so much in a minute and no more, counted in the request that reads its session?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from datadir.redis import keys
from graph.app import Graph
from graph.http.envelope import Envelope
from graph.limits.bounds import read
from tests.running_school import RunningSchool

ASKS = Envelope("{ viewer { id } }")  # costs 12


def graph(school: RunningSchool, budget: str) -> Graph:
    """The same school, in which a minute holds so much."""
    return Graph(school.services, school.settings.model_copy(update={"limit_budget": read(budget)}))


@pytest_asyncio.fixture
async def counter(school: RunningSchool) -> AsyncIterator[str]:
    """The key that counts the outsider's minute, which has not begun; of no account that other tests spend for."""
    token = await school.token("outsider")
    key = keys.rate_limit(school.services.tokens.verified(token).user_id, "cost")
    await school.services.stores.redis.delete(key)
    yield key
    await school.services.stores.redis.delete(key)


async def asked(graph: Graph, school: RunningSchool, account: str | None = "outsider") -> dict[str, Any]:
    """One answer."""
    token = f"Bearer {await school.token(account)}" if account else None
    answer = await graph.answer(ASKS, authorization=token)
    return {"status": answer.status, **answer.body}


async def test_a_minute_holds_so_much_and_says_when_the_next_begins(school: RunningSchool, counter: str) -> None:
    small = graph(school, "30")
    redis = school.services.stores.redis
    for spent in (12, 24):
        assert (await asked(small, school))["status"] == 200
        assert await redis.get(counter) == str(spent)
    refused = await asked(small, school)
    (error,) = refused["errors"]
    assert refused["status"] == 429
    assert "data" not in refused
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 1 <= error["extensions"]["retryAfter"] <= keys.RATE_WINDOW
    assert 1 <= await redis.raw.ttl(counter) <= keys.RATE_WINDOW


async def test_the_first_charge_begins_the_minute_and_no_other_moves_it(school: RunningSchool, counter: str) -> None:
    small = graph(school, "1000")
    redis = school.services.stores.redis
    await asked(small, school)
    assert 50 < await redis.raw.ttl(counter) <= keys.RATE_WINDOW
    await redis.raw.expire(counter, 7)
    await asked(small, school)
    assert await redis.raw.ttl(counter) <= 7


async def test_it_costs_no_request_of_its_own(school: RunningSchool, counter: str) -> None:
    token = f"Bearer {await school.token('outsider')}"
    answer = await graph(school, "1000").answer(ASKS, authorization=token, wants_ledger=True)
    assert answer.body["extensions"]["ledger"]["redis"]["calls"] == 1


async def test_roles_have_minutes_of_their_own_and_nought_counts_nothing(school: RunningSchool, counter: str) -> None:
    by_role = graph(school, "1 teacher=1000 admin=0")
    assert (await asked(by_role, school, "teacher"))["status"] == 200
    assert (await asked(by_role, school, "admin"))["status"] == 200
    assert (await asked(by_role, school, "student"))["status"] == 429
    assert (await asked(by_role, school, None))["status"] == 200


async def test_an_operation_that_is_refused_costs_nothing(school: RunningSchool, counter: str) -> None:
    dear = Envelope("{ classrooms(first: 1000) { nodes { id } } }")
    answer = await graph(school, "1000").answer(dear, authorization=f"Bearer {await school.token('outsider')}")
    assert answer.status == 400
    assert await school.services.stores.redis.get(counter) is None
