"""How long does a session go on, and what ends it?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from datadir.redis import keys
from tests.accounts.somebody import REFRESH, WHO, Coming, Somebody, rows
from tests.running_school import RunningSchool


@pytest.fixture
def redis(changing_school: RunningSchool) -> Any:
    """The driver itself."""
    return changing_school.services.stores.redis.raw


def ends(token: str) -> datetime:
    return datetime.fromtimestamp(jwt.decode(token, options={"verify_signature": False})["exp"], UTC)


async def test_a_refresh_token_brings_the_next_ones_of_the_same_session(ada: Somebody) -> None:
    later = await ada.refreshed()
    assert later.session_id == ada.session_id
    assert later.refresh != ada.refresh
    assert await later.is_in()
    assert await (await later.refreshed()).is_in()


async def test_a_token_that_was_used_ends_the_session_for_both(ada: Somebody) -> None:
    thief = await ada.refreshed()
    assert await ada.refresh_problem() == "INVALID_TOKEN"
    assert not await ada.is_in()
    assert not await thief.is_in()
    assert await thief.refresh_problem() == "INVALID_TOKEN"


async def test_it_ends_no_other_session_of_the_same_person(ada: Somebody) -> None:
    other = await ada.logged_in()
    await ada.refreshed()
    await ada.refresh_problem()
    assert await other.is_in()


async def test_of_many_who_use_one_token_at_once_one_gets_in_and_then_nobody_is(ada: Somebody) -> None:
    given = {"input": {"refreshToken": ada.refresh}}
    answers = await asyncio.gather(*(ada.school.post(REFRESH, given) for _ in range(5)))
    errors = [each.json()["data"]["refreshSession"]["errors"] for each in answers]
    assert sorted(map(len, errors)) == [0, 1, 1, 1, 1]
    assert not await ada.is_in()


async def test_it_brings_back_what_redis_has_let_go(ada: Somebody, redis: Any) -> None:
    await redis.delete(keys.session(ada.session_id))
    assert not await ada.is_in()
    back = await ada.refreshed()
    assert await back.is_in()
    assert await redis.hget(keys.session(ada.session_id), "role") == "student"
    assert 3590 < await redis.ttl(keys.session(ada.session_id)) <= 3600


@pytest.mark.parametrize(("remember_me", "lifetime"), [(False, timedelta(hours=24)), (True, timedelta(days=30))])
async def test_a_session_lasts_a_day_or_when_remembered_a_month_however_often_it_is_refreshed(
    ada: Somebody, remember_me: bool, lifetime: timedelta
) -> None:
    session = await ada.logged_in(remember_me=remember_me)
    assert ends(session.refresh) == ada.school.now + lifetime
    assert ends((await session.refreshed()).refresh) == ada.school.now + lifetime
    [(end, remembered)] = await rows(
        ada.school,
        "select expires_at, remember_me from user_sessions where id = $1",
        keys.session_record(session.session_id),
    )
    assert (end, remembered) == (ada.school.now + lifetime, remember_me)


async def test_in_redis_it_ends_no_later_than_its_row(ada: Somebody, redis: Any) -> None:
    record_id = keys.session_record(ada.session_id)
    await rows(
        ada.school,
        "update user_sessions set expires_at = $2 where id = $1 returning id",
        record_id,
        ada.school.now + timedelta(minutes=10),
    )
    back = await ada.refreshed()
    assert 590 < await redis.ttl(keys.session(ada.session_id)) <= 600
    assert await back.is_in()
    assert 590 < await redis.ttl(keys.session(ada.session_id)) <= 600, "sliding does not go beyond"


async def test_a_row_that_is_over_brings_nothing_back(ada: Somebody) -> None:
    await rows(
        ada.school,
        "update user_sessions set expires_at = $2 where id = $1 returning id",
        keys.session_record(ada.session_id),
        ada.school.now,
    )
    assert await ada.refresh_problem() == "INVALID_TOKEN"


async def test_an_expired_token_is_called_that(ada: Somebody) -> None:
    now = datetime.now(UTC) - timedelta(days=2)
    old = ada.school.services.tokens.refresh(ada.user_id, ada.session_id, now, now + timedelta(hours=24))
    late = Somebody(ada.school, ada.email, access=ada.access, refresh=old.text)
    assert await late.refresh_problem() == "EXPIRED"
    assert await ada.is_in()


@pytest.mark.parametrize("kind", ["access", "nonsense", "empty", "foreign session", "no session", "huge"])
async def test_nothing_else_is_taken_and_the_session_goes_on(ada: Somebody, coming: Coming, kind: str) -> None:
    tokens, now, end = ada.school.services.tokens, datetime.now(UTC), datetime.now(UTC) + timedelta(hours=1)
    sent = {
        "access": ada.access,
        "nonsense": "a.b.c",
        "empty": "",
        "foreign session": tokens.refresh((await coming()).user_id, ada.session_id, now, end).text,
        "no session": tokens.refresh(ada.user_id, keys.session_id(ada.user_id, uuid4()), now, end).text,
        "huge": "x" * 10_000,
    }[kind]
    assert await Somebody(ada.school, ada.email, access=ada.access, refresh=sent).refresh_problem() == "INVALID_TOKEN"
    assert await ada.is_in()


async def test_the_new_tokens_have_the_role_of_today(ada: Somebody) -> None:
    await rows(ada.school, "update users set role = 'teacher' where id = $1 returning id", ada.user_id)
    later = await ada.refreshed()
    assert later.claims["role"] == "teacher"
    assert (await later.done(WHO))["role"] == "TEACHER"


async def test_a_session_of_before_its_row_was_kept_is_no_refresh(ada: Somebody) -> None:
    await rows(ada.school, "delete from user_sessions where user_id = $1 returning id", ada.user_id)
    assert await ada.refresh_problem() == "INVALID_TOKEN"


async def test_rows_that_are_over_go_with_the_next_log_in(ada: Somebody) -> None:
    past = ada.school.now - timedelta(seconds=1)
    await rows(
        ada.school, "update user_sessions set expires_at = $2 where user_id = $1 returning id", ada.user_id, past
    )
    await ada.logged_in()
    assert await rows(ada.school, "select count(*) from user_sessions where user_id = $1", ada.user_id) == [(1,)]
