"""Does anything but a good token of a live session open a door? The whole operation is refused, with 401."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from resolvers.tokens import Tokens
from tests.http.refusals import refusal
from tests.running_school import LOG_IN, RunningSchool

WHO = "{ viewer { name } }"


async def asked(school: RunningSchool, authorization: bytes | str) -> httpx.Response:
    raw = authorization if isinstance(authorization, bytes) else authorization.encode()
    return await school.http.post("/graphql", json={"query": WHO}, headers=[(b"authorization", raw)])


def claims(token: str) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


def unsigned(token: str) -> str:
    """The same claims under `alg: none`."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def promoted(token: str) -> str:
    """The same signature under other claims."""
    header, _, signature = token.split(".")
    body = json.dumps({**claims(token), "role": "admin"}).encode()
    return f"{header}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.{signature}"


def signed_elsewhere(token: str) -> str:
    """The same claims under somebody else's secret."""
    return jwt.encode(claims(token), "somebody else's secret, long enough", algorithm="HS256")


def other_algorithm(token: str) -> str:
    """A header that names another algorithm."""
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').rstrip(b"=").decode()
    return header + token[token.index(".") :]


@pytest.mark.parametrize("forged", [unsigned, promoted, signed_elsewhere, other_algorithm])
async def test_a_forged_token_is_refused(school: RunningSchool, forged: Callable[[str], str]) -> None:
    response = await asked(school, f"Bearer {forged(await school.token('student'))}")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert refusal(response)[:2] == ("UNAUTHENTICATED", "This access token is not valid.")


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic dGVhY2hlcjp4", "token abc", b"\xff\xfe", "bearer\tabc"]
)
async def test_a_malformed_header_is_refused_and_not_taken_for_none(
    school: RunningSchool, authorization: bytes | str
) -> None:
    response = await asked(school, authorization)
    assert response.status_code == 401
    assert refusal(response)[:2] == (
        "UNAUTHENTICATED",
        "The Authorization header takes the form: Bearer <access token>.",
    )


@pytest.mark.parametrize("token", [b"abc", b"a.b.c", b"..", b"\xe9", b"x" * 5000, b"eyJhbGciOiJIUzI1NiJ9.W10.x"])
async def test_what_is_no_token_is_refused(school: RunningSchool, token: bytes) -> None:
    response = await asked(school, b"Bearer " + token)
    assert response.status_code == 401
    assert refusal(response)[:2] == ("UNAUTHENTICATED", "This access token is not valid.")


async def test_the_scheme_may_be_written_in_any_case(school: RunningSchool) -> None:
    response = await asked(school, f"bEARER  {await school.token('teacher')} ")
    assert response.json() == {"data": {"viewer": {"name": "Maya Lindqvist"}}}


def again(tokens: Tokens, token: str, now: datetime) -> str:
    """The account and session of a token in a new one of this moment."""
    said = claims(token)
    return tokens.access(UUID(said["sub"]), said["role"], said["sid"], now).text


async def test_a_token_ends_after_15_minutes(school: RunningSchool) -> None:
    token, tokens = await school.token("student"), school.services.tokens
    # Tokens end by the clock on the wall, not by that of the school, which stands still.
    now = datetime.now(UTC)
    fresh = again(tokens, token, now - timedelta(minutes=14))
    old = again(tokens, token, now - timedelta(minutes=16))
    assert (await asked(school, f"Bearer {fresh}")).status_code == 200
    response = await asked(school, f"Bearer {old}")
    assert response.status_code == 401
    assert refusal(response)[:2] == ("UNAUTHENTICATED", "This access token has expired.")


async def test_a_refresh_token_is_no_access_token(school: RunningSchool) -> None:
    query = LOG_IN.replace("accessToken", "refreshToken")
    credentials = {"email": "student@demo.school", "password": "studygraph-demo"}
    refresh = (await school.post(query, {"input": credentials})).json()["data"]["logIn"]["refreshToken"]
    response = await asked(school, f"Bearer {refresh}")
    assert response.status_code == 401
    assert refusal(response)[:2] == ("UNAUTHENTICATED", "This access token is not valid.")


async def test_a_token_ends_with_its_session(school: RunningSchool) -> None:
    credentials = {"email": "student@demo.school", "password": "studygraph-demo"}
    token = (await school.post(LOG_IN, {"input": credentials})).json()["data"]["logIn"]["accessToken"]
    assert (await asked(school, f"Bearer {token}")).status_code == 200
    assert await school.services.stores.redis.raw.delete(f"session:{claims(token)['sid']}") == 1
    response = await asked(school, f"Bearer {token}")
    assert response.status_code == 401
    assert refusal(response)[:2] == ("UNAUTHENTICATED", "This session has ended. Log in again.")


async def test_a_bad_token_is_refused_even_where_none_is_needed(school: RunningSchool) -> None:
    query = {"query": "{ __typename }"}
    response = await school.http.post("/graphql", json=query, headers={"authorization": "Bearer x"})
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("query", "needs_account"),
    [
        ("{ __typename }", False),
        ("{ viewer { id email classrooms { totalCount } } }", False),
        ("{ stores { name kind status progressPercent } }", False),
        ("{ __schema { queryType { name } } }", False),
        ("{ stores { name latencyMs } }", True),
        ("{ stores { ...Details } } fragment Details on Store { version }", True),
        ('{ node(id: "x") { id } }', True),
        ('{ classroom(id: "x") { id } }', True),
        ("{ viewer { id } classrooms { totalCount } }", True),
        ("{ ...Root } fragment Root on Query { ... { classrooms { totalCount } } }", True),
    ],
)
async def test_without_a_token_only_what_is_public_answers(
    school: RunningSchool, query: str, needs_account: bool
) -> None:
    response = await school.post(query)
    assert response.status_code == (401 if needs_account else 200)
    if needs_account:
        assert refusal(response).code == "UNAUTHENTICATED"
    else:
        assert "errors" not in response.json()
