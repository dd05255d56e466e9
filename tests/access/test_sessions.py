"""Does a session carry what it should, as long as it should, and not a moment longer? And does it say who is here?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from statistics import median
from time import process_time
from typing import Any, Final, NamedTuple
from uuid import UUID

import jwt
import pytest
import pytest_asyncio

from datadir.redis import keys
from datadir.scope import SYSTEM
from tests.access.viewers import PASSWORD
from tests.running_school import RunningSchool

EMAIL: Final = "lena.hoffmann@demo.school"
CLASSMATE: Final = "ravi.menon@demo.school"
LOG_IN: Final = """
mutation ($input: LogInInput!) {
    logIn(input: $input) { accessToken user { id email lastLoginAt } errors { code message path } }
}
"""
WHO: Final = "{ viewer { id email role } }"
ENDED: Final = "This session has ended. Log in again."


class Session(NamedTuple):
    """A log-in: the token, and what Redis holds under which keys."""

    token: str
    user_id: UUID
    key: str
    presence: str


Opener = Callable[[str], Awaitable[Session]]


@pytest.fixture
def redis(school: RunningSchool) -> Any:
    """The driver itself: tests look at, and change, what the program wrote."""
    return school.services.stores.redis.raw


@pytest.fixture
def log_in(school: RunningSchool) -> Opener:
    async def opened(email: str) -> Session:
        answer = (await school.post(LOG_IN, {"input": {"email": email, "password": PASSWORD}})).json()
        token = answer["data"]["logIn"]["accessToken"]
        claims = jwt.decode(token, options={"verify_signature": False})
        user_id = UUID(claims["sub"])
        return Session(token, user_id, keys.session(claims["sid"]), keys.presence(user_id))

    return opened


@pytest_asyncio.fixture
async def session(log_in: Opener) -> Session:
    """A session of a student."""
    return await log_in(EMAIL)


async def ask(school: RunningSchool, token: str, query: str = WHO, variables: Any = None) -> Any:
    response = await school.post(query, variables, authorization=f"Bearer {token}")
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def refused(school: RunningSchool, token: str) -> str:
    response = await school.post(WHO, authorization=f"Bearer {token}")
    assert response.status_code == 401, response.text
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert "data" not in response.json()
    return str(error["message"])


# What a log-in writes


async def test_a_log_in_opens_a_session_with_the_seeds_fields_for_an_hour(
    school: RunningSchool, session: Session, redis: Any
) -> None:
    now = str(school.now.timestamp())
    assert await redis.hgetall(session.key) == {
        "user_id": str(session.user_id),
        "email": EMAIL,
        "role": "student",
        "created_at": now,
        "last_activity": now,
    }
    assert 3590 < await redis.ttl(session.key) <= 3600
    assert keys.session_owner(session.key.removeprefix("session:")) == session.user_id


async def test_whoever_has_logged_in_reads_their_own_address(school: RunningSchool) -> None:
    answer = (await school.post(LOG_IN, {"input": {"email": EMAIL.upper(), "password": PASSWORD}})).json()
    assert "errors" not in answer
    user = answer["data"]["logIn"]["user"]
    assert user["email"] == EMAIL
    assert datetime.fromisoformat(user["lastLoginAt"]) == school.now


async def test_a_log_in_is_written_with_its_event_and_its_session_or_not_at_all(
    school: RunningSchool, log_in: Opener, redis: Any
) -> None:
    before = await _log_ins(school, EMAIL)
    session = await log_in(EMAIL)
    after = await _log_ins(school, EMAIL)
    assert after.last_login == school.now
    [event] = after.events[len(before.events) :]
    assert event == ("accounts.events", str(session.user_id), "user.logged_in", '{"role": "student"}', school.now)
    rows, sessions = await _rows(school, EMAIL), {key async for key in redis.scan_iter("session:*")}
    # A Redis that takes nothing more: the session is the last thing that a log-in writes.
    await redis.config_set("maxmemory", 1)
    try:
        answer = (await school.post(LOG_IN, {"input": {"email": EMAIL, "password": PASSWORD}})).json()
    finally:
        await redis.config_set("maxmemory", 0)
    assert answer["errors"][0]["extensions"] == {"code": "STORE_UNAVAILABLE", "store": "redis"}
    assert await _log_ins(school, EMAIL) == after
    assert await _rows(school, EMAIL) == rows
    assert {key async for key in redis.scan_iter("session:*")} == sessions


async def _rows(school: RunningSchool, email: str) -> list[UUID]:
    """The rows that bring somebody's sessions back."""
    async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
        found = await tx.fetch(
            "select s.id from user_sessions s join users u on u.id = s.user_id where u.email = $1 order by s.id", email
        )
    return [row["id"] for row in found]


class LogIns(NamedTuple):
    """What PostgreSQL knows of somebody's log-ins."""

    last_login: datetime
    events: list[tuple[object, ...]]


async def _log_ins(school: RunningSchool, email: str) -> LogIns:
    async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
        [user] = await tx.fetch("select id, last_login from users where email = $1", email)
        events = await tx.fetch(
            "select topic, key, type, payload, at from outbox where type = 'user.logged_in' and key = $1 "
            "order by position",
            str(user["id"]),
        )
    return LogIns(user["last_login"], [tuple(event) for event in events])


@asynccontextmanager
async def inactive(school: RunningSchool, email: str) -> AsyncIterator[None]:
    async def become(active: bool) -> None:
        async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
            assert await tx.execute("update users set is_active = $2 where email = $1", email, active) == 1

    await become(False)
    try:
        yield
    finally:
        await become(True)


async def test_a_deactivated_account_cannot_log_in_and_is_not_told_why(school: RunningSchool, redis: Any) -> None:
    wrong = await school.post(LOG_IN, {"input": {"email": EMAIL, "password": "wrong"}})
    before = await _log_ins(school, EMAIL)
    sessions = {key async for key in redis.scan_iter("session:*")}
    async with inactive(school, EMAIL):
        right = await school.post(LOG_IN, {"input": {"email": EMAIL, "password": PASSWORD}})
    assert right.content == wrong.content
    assert right.json()["data"]["logIn"]["errors"][0]["code"] == "INVALID_CREDENTIALS"
    assert await _log_ins(school, EMAIL) == before
    assert {key async for key in redis.scan_iter("session:*")} == sessions


async def test_an_unknown_account_costs_what_a_wrong_password_costs(school: RunningSchool) -> None:
    async def taken(email: str) -> float:
        # Of the processor, in all threads: the clock on the wall says more about whoever shares this machine.
        started = process_time()
        response = await school.post(LOG_IN, {"input": {"email": email, "password": "not the password"}})
        assert response.json()["data"]["logIn"]["errors"][0]["code"] == "INVALID_CREDENTIALS"
        return process_time() - started

    await taken(EMAIL)
    known, unknown, no_address = [], [], []
    # In turn, so that a machine that is busy for a while is busy for all.
    for _ in range(7):
        known.append(await taken(EMAIL))
        unknown.append(await taken("nobody.at.all@demo.school"))
        no_address.append(await taken("no address"))
    for other in (unknown, no_address):
        assert abs(median(other) - median(known)) < max(0.015, 0.25 * median(known))


# How long it lasts


async def test_each_request_slides_the_hour(school: RunningSchool, session: Session, redis: Any) -> None:
    await redis.expire(session.key, 60)
    await redis.hset(session.key, "last_activity", "0")
    assert (await ask(school, session.token))["viewer"]["email"] == EMAIL
    assert 3590 < await redis.ttl(session.key) <= 3600
    assert float(await redis.hget(session.key, "last_activity")) == school.now.timestamp()


async def test_a_day_after_its_beginning_it_ends_however_active(
    school: RunningSchool, session: Session, redis: Any
) -> None:
    day = timedelta(hours=24)
    nearly = school.now - day + timedelta(seconds=100)
    await redis.hset(session.key, "created_at", str(nearly.timestamp()))
    await ask(school, session.token)
    assert 90 < await redis.ttl(session.key) <= 100
    await redis.hset(session.key, "created_at", str((school.now - day).timestamp()))
    assert await refused(school, session.token) == ENDED
    assert await redis.exists(session.key) == 0


async def test_a_session_that_is_removed_ends_at_once(
    school: RunningSchool, session: Session, log_in: Opener, redis: Any
) -> None:
    other = await log_in(EMAIL)
    await ask(school, session.token)
    await redis.delete(session.key)
    assert await refused(school, session.token) == ENDED
    assert (await ask(school, other.token))["viewer"]["email"] == EMAIL


async def test_a_role_that_changes_bites_at_once(school: RunningSchool, log_in: Opener, redis: Any) -> None:
    admin = await log_in("admin@demo.school")
    looks = "{ stores { mode } classrooms { totalCount } }"
    assert await ask(school, admin.token, looks) == {
        "stores": [{"mode": "EMBEDDED"}] * 7,
        "classrooms": {"totalCount": 6},
    }
    await redis.hset(admin.key, "role", "student")
    after = (await school.post(looks, authorization=f"Bearer {admin.token}")).json()
    assert after["data"] == {"stores": [{"mode": None}] * 7, "classrooms": {"totalCount": 0}}
    assert {error["extensions"]["code"] for error in after["errors"]} == {"FORBIDDEN"}
    await redis.hset(admin.key, "role", "admin")
    assert (await ask(school, admin.token, looks))["classrooms"] == {"totalCount": 6}


@pytest.mark.parametrize("role", ["system", "owner", "", "ADMIN", "admin'", "anonymous"])
async def test_a_role_that_nobody_has_ends_the_session(
    role: str, school: RunningSchool, session: Session, redis: Any
) -> None:
    await redis.hset(session.key, "role", role)
    assert await refused(school, session.token) == ENDED


@pytest.mark.parametrize("field", ["user_id", "role", "created_at"])
async def test_a_session_that_lacks_something_is_none(
    field: str, school: RunningSchool, session: Session, redis: Any
) -> None:
    await redis.hdel(session.key, field)
    await redis.delete(session.presence)
    assert await refused(school, session.token) == ENDED
    assert await redis.exists(session.presence) == 0


async def test_a_token_opens_no_session_of_another_user(
    school: RunningSchool, session: Session, log_in: Opener, redis: Any
) -> None:
    other = await log_in(CLASSMATE)
    tokens = school.services.tokens
    await redis.delete(session.presence, other.presence)
    await redis.expire(other.key, 60)
    mixed = tokens.access(session.user_id, "student", other.key.removeprefix("session:"), school.now).text
    assert await refused(school, mixed) == ENDED
    # Nor where the session itself speaks of somebody else.
    await redis.hset(session.key, "user_id", str(other.user_id))
    assert await refused(school, session.token) == ENDED
    assert await redis.exists(other.presence) == 0
    assert await redis.ttl(other.key) <= 60, "nothing was slid"
    assert await redis.exists(session.presence) == 0


@pytest.mark.parametrize("session_id", ["", "*", "x", "{0}.short", "{0}.*", "session:{0}", "{0}.aaaa\r\nFLUSHALL\r\n"])
async def test_a_session_id_that_is_none_reaches_no_key(
    session_id: str, school: RunningSchool, session: Session, redis: Any
) -> None:
    size = await redis.dbsize()
    forged = school.services.tokens.access(
        session.user_id, "admin", session_id.format(f"{{{session.user_id}}}"), school.now
    ).text
    assert await refused(school, forged) == ENDED
    assert await redis.dbsize() == size


# Who is here

PRESENCE: Final = """
query ($id: ID!) { node(id: $id) { ... on User { name presence { status lastSeenAt } } } }
"""


class Watcher(NamedTuple):
    """A classmate who looks whether somebody is here."""

    school: RunningSchool
    token: str
    watched: str

    async def sees(self) -> tuple[str, datetime | None]:
        presence = (await ask(self.school, self.token, PRESENCE, {"id": self.watched}))["node"]["presence"]
        seen = presence["lastSeenAt"]
        return presence["status"], None if seen is None else datetime.fromisoformat(seen)


@pytest_asyncio.fixture
async def watcher(school: RunningSchool, session: Session, log_in: Opener, redis: Any) -> Watcher:
    watched = (await ask(school, session.token))["viewer"]["id"]
    await redis.delete(session.presence)
    return Watcher(school, (await log_in(CLASSMATE)).token, watched)


async def test_whoever_asks_is_online_on_the_pages_of_others(
    school: RunningSchool, session: Session, watcher: Watcher, redis: Any
) -> None:
    assert await watcher.sees() == ("OFFLINE", None)
    await ask(school, session.token, "{ __typename }")
    assert await watcher.sees() == ("ONLINE", school.now)
    assert 86_390 < await redis.ttl(session.presence) <= 86_400


@pytest.mark.parametrize(
    ("minutes", "seconds", "status"),
    [(0, 0, "ONLINE"), (2, 0, "ONLINE"), (2, 1, "IDLE"), (15, 0, "IDLE"), (15, 1, "OFFLINE"), (60 * 23, 0, "OFFLINE")],
)
async def test_presence_fades(
    minutes: int, seconds: int, status: str, session: Session, watcher: Watcher, redis: Any
) -> None:
    seen = watcher.school.now - timedelta(minutes=minutes, seconds=seconds)
    await redis.set(session.presence, str(seen.timestamp()), ex=3600)
    assert await watcher.sees() == (status, seen)


async def test_an_ended_session_marks_nobody_as_here(
    school: RunningSchool, session: Session, watcher: Watcher, redis: Any
) -> None:
    await redis.delete(session.key)
    await refused(school, session.token)
    assert await watcher.sees() == ("OFFLINE", None)
    assert await redis.exists(session.presence) == 0


async def test_neither_does_a_session_that_is_a_day_old_or_a_failed_log_in(
    school: RunningSchool, session: Session, watcher: Watcher, redis: Any
) -> None:
    await redis.hset(session.key, "created_at", "0")
    await refused(school, session.token)
    await school.post(LOG_IN, {"input": {"email": EMAIL, "password": "wrong"}})
    assert await watcher.sees() == ("OFFLINE", None)


async def test_requests_of_a_session_that_ends_among_them_are_answered_or_refused(
    school: RunningSchool, session: Session, redis: Any
) -> None:
    asked = [asyncio.create_task(school.post(WHO, authorization=f"Bearer {session.token}")) for _ in range(5)]
    await redis.delete(session.key)
    asked += [asyncio.create_task(school.post(WHO, authorization=f"Bearer {session.token}")) for _ in range(5)]
    statuses = [response.status_code for response in await asyncio.gather(*asked)]
    assert set(statuses[:5]) <= {200, 401}
    assert statuses[5:] == [401] * 5
    assert await redis.exists(session.key) == 0, "an answer that was under way does not bring it back"
