"""What does logging in say to somebody who guesses? The same, whatever was wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.refusals import refusal
from tests.running_school import RunningSchool

LOG_IN = """
mutation ($input: LogInInput!) {
    logIn(input: $input) { accessToken refreshToken expiresAt user { id } errors { code message path } }
}
"""
NOTHING = {"accessToken": None, "refreshToken": None, "expiresAt": None, "user": None}


async def log_in(school: RunningSchool, email: Any, password: Any) -> Any:
    response = await school.post(LOG_IN, {"input": {"email": email, "password": password}})
    assert response.status_code == 200
    return response.json()["data"]["logIn"]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("teacher@demo.school", "wrong"),
        ("teacher@demo.school", ""),
        ("teacher@demo.school", "studygraph-demo "),
        ("teacher@demo.school", "😀" * 200),
        ("nobody@demo.school", "studygraph-demo"),
        ("o'brien@demo.school", "x"),
        ("", "x"),
        ("no address", "x"),
        ("teacher", "studygraph-demo"),
        ("a@b@c", "x"),
        ("a" * 250 + "@b.c", "x"),
        ("ü@exämple.school", "x"),
        ("a@xn--zzzzzz.school", "x"),
        ("teacher@demo.school'; drop table users; --", "studygraph-demo"),
    ],
)
async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    school: RunningSchool, email: str, password: str
) -> None:
    message = "No account has this e-mail address and password."
    error = {"code": "INVALID_CREDENTIALS", "message": message, "path": ["input"]}
    assert await log_in(school, email, password) == {**NOTHING, "errors": [error]}


@pytest.mark.parametrize(
    ("email", "password", "longest", "where"),
    [
        ("a" * 244 + "@demo.school", "x", 255, "email"),
        ("teacher@demo.school", "x" * 201, 200, "password"),
        ("a" * 10_000, "x" * 10_000, 255, "email"),
    ],
)
async def test_what_is_too_long_is_not_even_looked_up(
    school: RunningSchool, email: str, password: str, longest: int, where: str
) -> None:
    error = {"code": "TOO_LONG", "message": f"At most {longest} characters.", "path": ["input", where]}
    assert await log_in(school, email, password) == {**NOTHING, "errors": [error]}


@pytest.mark.parametrize("email", ["teacher@demo.school", "Teacher@Demo.School"])
async def test_the_right_password_opens_a_session(school: RunningSchool, email: str) -> None:
    session = await log_in(school, email, "studygraph-demo")
    assert session["errors"] == []
    assert session["user"] == {"id": school.ids["teacher"]}
    assert session["accessToken"].count(".") == session["refreshToken"].count(".") == 2
    headers = {"authorization": f"Bearer {session['accessToken']}"}
    response = await school.http.post("/graphql", json={"query": "{ viewer { email } }"}, headers=headers)
    assert response.json() == {"data": {"viewer": {"email": "teacher@demo.school"}}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"email": "a@b.c"}, "to include required field 'password'"),
        ({"email": "a@b.c", "password": None}, "at .password: Expected value of non-null type 'String!'"),
        ({"email": 5, "password": "x"}, "at .email: String cannot represent a non string value: 5"),
        ({"email": "a@b.c", "password": "a\0b"}, "holds a text with the character U+0000."),
        ({"email": "a@b.c", "password": "secret", "admin": True}, "not to include unknown field 'admin'"),
        ("a@b.c", "Expected value of type 'LogInInput' to be an object"),
        (None, "Expected value of non-null type 'LogInInput!'"),
    ],
)
async def test_an_input_that_is_none_is_refused_without_repeating_it(
    school: RunningSchool, given: Any, message: str
) -> None:
    response = await school.post(LOG_IN, {"input": given})
    found = refusal(response)
    assert found.code == "BAD_USER_INPUT"
    assert message in found.message
    assert "secret" not in response.text


async def test_two_log_ins_in_one_request_are_two_sessions(school: RunningSchool) -> None:
    fields = 'logIn(input: { email: "student@demo.school", password: "studygraph-demo" }) { accessToken }'
    response = await school.post(f"mutation {{ a: {fields} b: {fields} }}")
    data = response.json()["data"]
    assert data["a"]["accessToken"] != data["b"]["accessToken"]
