"""Which server do the tests of sockets talk to? The demo school behind a real port, with little patience."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
import pytest_asyncio

from datadir.redis import keys
from graph.http.application import Application
from resolvers.demo.named import NAMED
from resolvers.demo.roster import PASSWORD
from tests.listening import Listening, listening
from tests.running_school import LOG_IN, RunningSchool


def impatient(app: Application) -> None:
    """Clients that do not read are given up soon."""
    app.sockets.terms = replace(app.sockets.terms, stalled_seconds=0.5)  # type: ignore[attr-defined]


@pytest_asyncio.fixture(scope="session")
async def served(school: RunningSchool) -> AsyncIterator[Listening]:
    """A running server."""
    async with listening(school, impatient, socket_init_seconds=0.5) as server:
        yield server


Opener = Callable[[], Awaitable[tuple[str, Callable[[], Awaitable[None]]]]]


def _claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.fixture
def fresh_session(school: RunningSchool) -> Opener:
    """A new session of the student: its token, and what ends it elsewhere."""

    async def opened() -> tuple[str, Callable[[], Awaitable[None]]]:
        given = {"input": {"email": NAMED.accounts["student"], "password": PASSWORD}}
        token = (await school.post(LOG_IN, given)).json()["data"]["logIn"]["accessToken"]

        async def end() -> None:
            assert await school.services.stores.redis.raw.delete(keys.session(_claims(token)["sid"])) == 1

        return token, end

    return opened
