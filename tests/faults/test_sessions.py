"""Who may still ask while Redis is away? With `grace`, who was seen alive within a minute, to read; else nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic
from typing import Any, Final
from uuid import uuid4

import httpx
import jwt
import pytest
import pytest_asyncio

from datadir.errors import StoreUnavailable
from datadir.redis import keys
from resolvers.sessions import GRACE, SeenSessions, resumed
from tests.access.viewers import PASSWORD
from tests.faults.sick_school import SickSchool, seen_healthy
from tests.faults.sickness import PATIENCE
from tests.folders import passable_folder
from tests.running_school import LOG_IN, RunningSchool, running_school
from tests.stores.recovery import RECOVERY

EMAIL: Final = "lena.hoffmann@demo.school"
WHO: Final = "{ viewer { email } }"


@pytest_asyncio.fixture(scope="module")
async def refusing(sick: SickSchool) -> AsyncIterator[RunningSchool]:
    """Another program on the same stores, with the other setting."""
    with passable_folder() as folder:
        # With time for a start on a busy machine: what is refused is refused at once.
        settings = sick.settings | {"sessions_when_down": "refuse", "store_deadline_ms": 10_000}
        async with running_school(folder / "data", **settings) as school:
            yield school


@pytest_asyncio.fixture(autouse=True)
async def healed(sick: SickSchool) -> AsyncIterator[None]:
    yield
    await sick.servers["redis"].relay.heal()
    await seen_healthy(sick)


async def log_in(school: RunningSchool, email: str = EMAIL) -> str:
    """A session of its own; its token. Nothing but logging in has seen it."""
    answer = (await school.post(LOG_IN, {"input": {"email": email, "password": PASSWORD}})).json()
    return str(answer["data"]["logIn"]["accessToken"])


async def ask(school: RunningSchool, token: str, query: str = WHO, **variables: Any) -> httpx.Response:
    """What this program answers to whoever has this token."""
    return await school.http.post(
        "/graphql", json={"query": query, "variables": variables}, headers={"authorization": f"Bearer {token}"}
    )


def unknown(school: RunningSchool, token: str) -> str:
    """A token that we have signed, of a session that never was."""
    claims = school.services.tokens.verified(token)
    never = f"{claims.session_id[:-8]}{uuid4().hex[:8]}"
    return school.services.tokens.access(claims.user_id, claims.role, never, school.now).text


def session_of(token: str) -> str:
    """The session's id."""
    return str(jwt.decode(token, options={"verify_signature": False})["sid"])


def said(answer: httpx.Response) -> tuple[int, Any, list[str]]:
    """Status, data, codes."""
    body = answer.json()
    return answer.status_code, body.get("data"), [each["extensions"]["code"] for each in body.get("errors", [])]


READS: Final[tuple[int, Any, list[str]]] = (200, {"viewer": {"email": EMAIL}}, [])
REFUSED: Final = (503, None, ["STORE_UNAVAILABLE"])


async def seen_alive(school: RunningSchool, token: str) -> None:
    """Ask until this program answers: on a busy machine a first read may miss its deadline."""
    until = monotonic() + PATIENCE
    while (answer := said(await ask(school, token))) != READS:
        assert monotonic() < until, answer


async def test_a_session_that_was_seen_alive_reads_on(sick: SickSchool) -> None:
    token = await log_in(sick.school)
    await seen_alive(sick.school, token)
    await sick.servers["redis"].relay.refuse()
    answer = await ask(sick.school, token)
    assert said(answer) == READS
    assert [each["store"] for each in answer.json()["extensions"]["sources"]] == ["redis"]


async def test_a_session_that_was_seen_alive_writes_nothing(sick: SickSchool) -> None:
    token = await log_in(sick.school)
    await seen_alive(sick.school, token)
    await sick.servers["redis"].relay.refuse()
    answer = await ask(sick.school, token, LOG_IN, input={"email": EMAIL, "password": PASSWORD})
    assert said(answer) == REFUSED
    assert answer.json()["errors"][0]["extensions"]["store"] == "redis"


async def test_sessions_that_this_program_has_not_seen_alive_are_refused(
    sick: SickSchool, refusing: RunningSchool
) -> None:
    of_another_program = await log_in(refusing)
    await seen_alive(refusing, of_another_program)
    not_used_yet = await log_in(sick.school)
    await sick.servers["redis"].relay.refuse()
    for token in (of_another_program, not_used_yet, unknown(sick.school, not_used_yet)):
        assert said(await ask(sick.school, token)) == REFUSED


async def test_a_session_that_was_revoked_before_is_not_granted_anything(sick: SickSchool) -> None:
    token = await log_in(sick.school)
    await seen_alive(sick.school, token)
    await sick.school.services.stores.redis.delete(keys.session(session_of(token)))
    assert said(await ask(sick.school, token)) == (401, None, ["UNAUTHENTICATED"])
    await sick.servers["redis"].relay.refuse()
    assert said(await ask(sick.school, token)) == REFUSED


async def test_with_refuse_nobody_is_answered_until_redis_is_back(sick: SickSchool, refusing: RunningSchool) -> None:
    token = await log_in(refusing)
    await seen_alive(refusing, token)
    await sick.servers["redis"].relay.refuse()
    answer = await ask(refusing, token)
    assert said(answer) == REFUSED
    assert answer.json()["errors"][0]["extensions"] == {"code": "STORE_UNAVAILABLE", "store": "redis"}


async def test_when_redis_is_back_all_is_as_before(sick: SickSchool, refusing: RunningSchool) -> None:
    tokens = {id(school): await log_in(school) for school in (sick.school, refusing)}
    await sick.servers["redis"].relay.refuse()
    for school in (sick.school, refusing):
        assert said(await ask(school, tokens[id(school)])) == REFUSED
    await sick.servers["redis"].relay.heal()
    until = monotonic() + RECOVERY
    for school in (sick.school, refusing):
        while (answer := said(await ask(school, tokens[id(school)]))) != READS:
            assert answer == REFUSED
            assert monotonic() < until
        assert said(await ask(school, await log_in(school))) == READS


async def test_grace_ends_after_a_minute_without_redis(sick: SickSchool) -> None:
    clock = [1000.0]
    services = replace(sick.school.services, seen_sessions=SeenSessions(clock=lambda: clock[0]))
    token = await log_in(sick.school)
    seen = await resumed(services, token, reads=True)
    await sick.servers["redis"].relay.refuse()
    clock[0] += GRACE
    assert await resumed(services, token, reads=True) == seen
    with pytest.raises(StoreUnavailable):
        await resumed(services, token, reads=False)
    clock[0] += 0.001
    with pytest.raises(StoreUnavailable):
        await resumed(services, token, reads=True)


async def test_reading_by_grace_does_not_prolong_it(sick: SickSchool) -> None:
    clock = [1000.0]
    services = replace(sick.school.services, seen_sessions=SeenSessions(clock=lambda: clock[0]))
    token = await log_in(sick.school)
    await resumed(services, token, reads=True)
    await sick.servers["redis"].relay.refuse()
    clock[0] += GRACE / 2
    await resumed(services, token, reads=True)
    clock[0] += GRACE / 2 + 0.001
    with pytest.raises(StoreUnavailable):
        await resumed(services, token, reads=True)
