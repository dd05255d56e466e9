"""In which school is something done once? In the one whose accounts tests may change, run both ways, by a clock of its
own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from graph.app import application
from resolvers.operation import Services
from tests.accounts.somebody import Coming, Somebody, newcomer
from tests.idempotency.asking import Clock
from tests.running_school import RunningSchool, Unpriced


@pytest.fixture(scope="module")
def clock(changing_school: RunningSchool) -> Clock:
    """The school's clock."""
    return Clock(changing_school.now)


@pytest_asyncio.fixture(scope="module", params=["compiled", "graphql-core"])
async def once_school(request: Any, changing_school: RunningSchool, clock: Clock) -> AsyncIterator[RunningSchool]:
    """The school."""
    services = replace(changing_school.services, now=clock)

    @asynccontextmanager
    async def given() -> AsyncIterator[Services]:
        yield services

    settings = changing_school.settings.model_copy(update={"execution": request.param})
    app = application(settings, given(), built=changing_school.folder.path / "built")
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with (
            httpx.AsyncClient(transport=Unpriced(transport), base_url="http://school.test") as http,
            httpx.AsyncClient(transport=transport, base_url="http://school.test") as priced,
        ):
            yield replace(changing_school, services=services, settings=settings, http=http, priced=priced, tokens={})


@pytest.fixture
def coming(once_school: RunningSchool) -> Coming:
    """Lets somebody new register."""

    async def come(**given: str) -> Somebody:
        return await newcomer(once_school, **given)

    return come


@pytest_asyncio.fixture
async def ada(coming: Coming) -> Somebody:
    """Somebody who has just registered."""
    return await coming()


@pytest_asyncio.fixture
async def admin(once_school: RunningSchool) -> Somebody:
    """The school's administrator, logged in anew."""
    return await Somebody(once_school, "admin@demo.school", "studygraph-demo").logged_in()
