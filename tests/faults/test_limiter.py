"""Who counts while Redis is away? This process, from nought on, and refuses what is too much (threat 34)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest_asyncio

from datadir.redis import keys
from graph.limits.bounds import PerRole
from resolvers.attempts import Limiter, LogIns
from resolvers.rate import Rate
from tests.access.viewers import PASSWORD
from tests.faults.sick_school import SickSchool, seen_healthy
from tests.faults.test_sessions import EMAIL, REFUSED, WHO, log_in, said, seen_alive
from tests.listening import Listening, listening
from tests.running_school import LOG_IN

WRONG: Final = (200, {"logIn": {"accessToken": None, "errors": [{"code": "INVALID_CREDENTIALS"}]}}, [])
LIMITED: Final = (429, None, ["RATE_LIMITED"])


@pytest_asyncio.fixture(autouse=True)
async def healed(sick: SickSchool) -> AsyncIterator[None]:
    yield
    await sick.servers["redis"].relay.heal()
    await seen_healthy(sick)


async def ask(served: Listening, query: str, token: str | None = None, **variables: Any) -> Any:
    """What is answered: status, data, codes."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        answer = await http.post(served.url, json={"query": query, "variables": variables}, headers=headers)
    if answer.status_code == 429:
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    return said(answer)


async def test_threat_34_redis_that_is_killed_midway_lets_nobody_try_on_and_on(sick: SickSchool) -> None:
    services = replace(sick.school.services, limiter=Limiter(LogIns(Rate(100), Rate(3), Rate(100))))
    redis: Any = sick.school.services.stores.redis.raw
    counter = keys.attempts("peer 127.0.0.1", "logIn")
    await redis.delete(counter)
    async with listening(replace(sick.school, services=services)) as served:

        async def tried(password: str = "not the password", email: str = EMAIL) -> Any:
            return await ask(served, LOG_IN, input={"email": email, "password": password})

        assert [await tried() for _ in range(2)] == [WRONG] * 2
        await sick.servers["redis"].kill()
        await sick.servers["redis"].relay.refuse()
        told = [await tried(email=f"{uuid4().hex[:12]}@demo.school") for _ in range(3)]
        assert told == [WRONG] * 3, "from nought on"
        assert await tried() == LIMITED
        assert await tried(PASSWORD) == LIMITED
        await sick.servers["redis"].relay.heal()
        await seen_healthy(sick)
        # Redis counts again, from where it was: its file has kept the counter.
        assert await tried() == WRONG
        assert await redis.get(counter) == "3"
        assert await tried() == LIMITED


async def test_who_reads_on_by_grace_reads_so_often(sick: SickSchool) -> None:
    token = await log_in(sick.school)
    await seen_alive(sick.school, token)
    await sick.servers["redis"].relay.refuse()
    services = replace(sick.school.services, limiter=Limiter())
    rates = PerRole(Rate(4))
    async with listening(replace(sick.school, services=services), limit_rate=rates) as served:
        told = [await ask(served, WHO, token) for _ in range(6)]
    assert told == [(200, {"viewer": {"email": EMAIL}}, [])] * 4 + [LIMITED] * 2


async def test_who_has_no_grace_is_refused_for_that_alone(sick: SickSchool) -> None:
    token = await log_in(sick.school)
    await sick.servers["redis"].relay.refuse()
    rates = PerRole(Rate(1))
    async with listening(sick.school, limit_rate=rates) as served:
        assert [await ask(served, WHO, token) for _ in range(3)] == [REFUSED] * 3
