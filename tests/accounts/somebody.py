"""Who does something with an account in these tests? Somebody with an address, a password, and a session's tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import jwt

from datadir.scope import SYSTEM
from tests.running_school import RunningSchool

PASSWORD: Final = "seven green bottles fell"
ERRORS: Final = "errors { code message path }"
TOKENS: Final = "accessToken refreshToken expiresAt"
REGISTER: Final = f"""
mutation ($input: RegisterInput!) {{ register(input: $input) {{ {TOKENS} user {{ id email name role }} {ERRORS} }} }}
"""
LOG_IN: Final = f"mutation ($input: LogInInput!) {{ logIn(input: $input) {{ {TOKENS} user {{ id }} {ERRORS} }} }}"
REFRESH: Final = f"mutation ($input: RefreshSessionInput!) {{ refreshSession(input: $input) {{ {TOKENS} {ERRORS} }} }}"
WHO: Final = "{ viewer { id email name role } }"
SESSIONS: Final = "{ viewer { sessions { id isCurrent userAgent createdAt lastActivityAt } } }"


@dataclass(frozen=True)
class Somebody:
    """A person, and one of their sessions."""

    school: RunningSchool
    email: str
    password: str = PASSWORD
    access: str = ""
    refresh: str = ""

    @property
    def user_id(self) -> UUID:
        """The key of the account."""
        return UUID(self.claims["sub"])

    @property
    def session_id(self) -> str:
        """The session as Redis knows it."""
        return str(self.claims["sid"])

    @property
    def claims(self) -> dict[str, Any]:
        """What the access token says."""
        found: dict[str, Any] = jwt.decode(self.access, options={"verify_signature": False})
        return found

    async def ask(self, query: str, input: Any = None, **headers: str) -> httpx.Response:
        """One operation with this session; `input` is the mutation's."""
        given = {} if input is None else {"input": input}
        return await self.school.post(query, given, authorization=f"Bearer {self.access}", **headers)

    async def done(self, query: str, input: Any = None) -> Any:
        """What the one field of an operation answers that is done without any error."""
        answer = (await self.ask(query, input)).json()
        assert "errors" not in answer, answer
        [value] = answer["data"].values()
        assert not (value or {}).get("errors"), value
        return value

    async def problem(self, query: str, input: Any) -> tuple[str, list[str]]:
        """The code and path of the one problem that an input has."""
        return only_problem((await self.ask(query, input)).json())

    async def is_in(self) -> bool:
        """Whether this session still lives."""
        response = await self.ask(WHO)
        assert response.status_code in (200, 401)
        return response.status_code == 200

    async def logged_in(self, *, remember_me: bool = False, agent: str = "tests") -> Somebody:
        """The same person in another session."""
        given = {"email": self.email, "password": self.password, "rememberMe": remember_me}
        answer = (await self.school.post(LOG_IN, {"input": given}, user_agent=agent)).json()["data"]["logIn"]
        assert answer["errors"] == [], answer
        return replace(self, access=answer["accessToken"], refresh=answer["refreshToken"])

    async def may_log_in(self) -> bool:
        """Whether address and password open a session."""
        given = {"input": {"email": self.email, "password": self.password}}
        answer = (await self.school.post(LOG_IN, given)).json()["data"]["logIn"]
        assert [each["code"] for each in answer["errors"]] in ([], ["INVALID_CREDENTIALS"])
        return bool(answer["accessToken"])

    async def refreshed(self) -> Somebody:
        """The same session with the next tokens."""
        answer = (await self.school.post(REFRESH, {"input": {"refreshToken": self.refresh}})).json()
        answer = answer["data"]["refreshSession"]
        assert answer["errors"] == [], answer
        return replace(self, access=answer["accessToken"], refresh=answer["refreshToken"])

    async def refresh_problem(self) -> str:
        """Why the refresh token is not taken."""
        answer = (await self.school.post(REFRESH, {"input": {"refreshToken": self.refresh}})).json()
        code, path = only_problem(answer)
        assert path == ["input", "refreshToken"]
        return code


Coming = Callable[..., Awaitable[Somebody]]


def only_problem(answer: Any) -> tuple[str, list[str]]:
    """The code and path of the one problem in the payload of a mutation, which has done nothing."""
    assert "errors" not in answer, answer
    [payload] = answer["data"].values()
    [found] = payload.pop("errors")
    assert set(payload.values()) <= {None}, payload
    assert found["message"].endswith(".")
    return found["code"], found["path"]


async def newcomer(school: RunningSchool, **given: str) -> Somebody:
    """Somebody who registers with an address that nobody had."""
    person = Somebody(school, f"ada.{uuid4().hex[:12]}@demo.school")
    input = {"email": person.email, "password": person.password, **given}
    answer = (await school.post(REGISTER, {"input": input}, user_agent="tests")).json()["data"]["register"]
    assert answer["errors"] == [], answer
    return replace(
        person,
        email=answer["user"]["email"],
        password=input["password"],
        access=answer["accessToken"],
        refresh=answer["refreshToken"],
    )


async def rows(school: RunningSchool, sql: str, *args: Any) -> list[tuple[Any, ...]]:
    """Rows of PostgreSQL, as the program itself sees them."""
    async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
        return [tuple(row) for row in await tx.fetch(sql, *args)]
