"""Does the demo school answer on real servers as it does on the embedded ones, at the same number of store calls?

The front page and every question of `tests/queries`, with the answers and costs that are written there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.names import StoreName
from tests.folders import passable_folder
from tests.queries.triple import Triple, asked, only_who_asks_is_here, triples
from tests.real.databases import empty
from tests.running_school import RunningSchool, running_school
from tests.servers import qdrant
from tests.servers.postgresql import PostgresServer
from tests.servers.server import Absent, Server

CONTRACT = "queries"
IMPLEMENTATION = "real servers"


@pytest.fixture(scope="module")
def some_redis(request: pytest.FixtureRequest) -> Server:
    """Redis 7; Valkey where Debian's package is not installed."""
    name = "redis_7" if shutil.which("redis-server") else "valkey_9"
    server: Server = request.getfixturevalue(name)
    return server


@pytest_asyncio.fixture(scope="module")
async def school(
    postgresql_16: PostgresServer,
    some_redis: Server,
    mongodb_server: Server,
    cassandra_with_accounts: Server,
    kafka_server: Server,
    s3_server: Server,
) -> AsyncIterator[RunningSchool]:
    """The school on a real server of each kind that can be had; Qdrant's engine is in our process where no server is
    named."""
    servers = [some_redis, mongodb_server, cassandra_with_accounts, kafka_server, s3_server]
    named = {name: value for server in servers for name, value in server.settings.items()}
    async with AsyncExitStack() as stack:
        with suppress(Absent):  # the contract's skip says so
            named |= (await stack.enter_async_context(qdrant.running())).settings
        named["DATABASE_URL"] = await stack.enter_async_context(empty(postgresql_16))
        # Setting names are field names in small letters.
        settings: dict[str, Any] = {name.lower(): value for name, value in named.items()}
        folder = stack.enter_context(passable_folder())
        school = await stack.enter_async_context(
            running_school(folder / "data", s3_bucket=f"school-{uuid4().hex[:12]}", **settings)
        )
        await school.services.indexed.wait()
        await only_who_asks_is_here(school)
        yield school


@pytest.mark.parametrize("triple", triples(), ids=lambda triple: triple.name)
async def test_answers_as_on_embedded_stores_with_as_many_store_calls(triple: Triple, school: RunningSchool) -> None:
    answer, calls = await asked(triple, school)
    assert answer == on_real_servers(json.loads(triple.answer.read_text(encoding="utf-8")), school)
    assert calls == json.loads(triple.calls.read_text(encoding="utf-8"))


def on_real_servers(answer: Any, school: RunningSchool) -> Any:
    """The written answer, where it says of stores that they are embedded."""
    if isinstance(answer, list):
        return [on_real_servers(each, school) for each in answer]
    if not isinstance(answer, dict):
        return answer
    changed = {name: on_real_servers(each, school) for name, each in answer.items()}
    if changed.get("mode") == "EMBEDDED" and changed["name"] not in {*school.services.stores.embedded}:
        changed["mode"] = "REAL"
    return changed


def test_every_store_but_vectors_is_a_real_server(school: RunningSchool) -> None:
    assert school.services.stores.embedded <= {StoreName.QDRANT}
