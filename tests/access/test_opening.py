"""How does an operation come to its scope, and what is left where that fails?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from datadir.errors import StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.postgresql.client import Postgres
from datadir.scope import Scope
from resolvers import accounts
from resolvers.operation import Operation, Viewer
from tests.access.viewers import VIEWERS, Eyes
from tests.running_school import RunningSchool

PATIENCE: Final = 5.0


@asynccontextmanager
async def gone(school: RunningSchool) -> AsyncIterator[None]:
    """The school's PostgreSQL where nobody listens: its leases are those of an address without a server."""
    given: Any = school.services.stores.postgresql.pool
    [dsn], _ = given._connect_args, given._connect_kwargs
    pg = await Postgres.open(dsn, min_size=0, read_deadline=0.4)
    pg.pool._connect_args = ["postgresql://studygraph@127.0.0.1:1/studygraph"]  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(school.services.stores.postgresql, "lease", pg.lease)
        yield
    await pg.close()


async def viewer_of(school: RunningSchool, name: str) -> Viewer:
    async with school.services.stores.postgresql.transaction(Scope(role="system")) as tx:
        [user] = await tx.fetch("select id, role from users where email = $1", VIEWERS[name].email)
    return Viewer(user["id"], user["role"], "no session")


async def test_the_scope_is_the_viewers_memberships_and_comes_with_what_is_read_first(school: RunningSchool) -> None:
    viewer = await viewer_of(school, "assistant")
    operation = Operation(school.services, viewer)
    assert operation.scope == Scope(viewer.user_id, "student")
    with kept() as calls:
        account = await accounts.viewer(operation)
        assert account is not None
        assert account.id == viewer.user_id
        assert await operation.whole_scope() is operation.scope
    assert calls.stores[StoreName.POSTGRESQL].calls == 1
    assert (len(operation.scope.classroom_ids), len(operation.scope.taught_ids)) == (2, 1)
    assert set(operation.scope.taught_ids) < set(operation.scope.classroom_ids)
    assert operation.scope.classroom_ids == tuple(sorted(operation.scope.classroom_ids))
    operation.over()


async def test_who_needs_the_scope_before_anything_is_read_asks_for_it_alone(school: RunningSchool) -> None:
    viewer = await viewer_of(school, "assistant")
    operation = Operation(school.services, viewer)
    with kept() as calls:
        scope = await operation.whole_scope()
    assert (scope.user_id, len(scope.classroom_ids), calls.stores[StoreName.POSTGRESQL].calls) == (viewer.user_id, 2, 1)
    operation.over()


async def test_everyone_who_waits_for_the_scope_is_told_that_it_failed_and_none_hangs(
    school: RunningSchool,
) -> None:
    viewer = await viewer_of(school, "admin")
    operation = Operation(school.services, viewer)
    async with gone(school), asyncio.timeout(PATIENCE):
        told = await asyncio.gather(*(operation.whole_scope() for _ in range(3)), return_exceptions=True)
        with kept() as calls, pytest.raises(StoreUnavailable):
            await operation.whole_scope()
    assert [type(each) for each in told] == [StoreUnavailable] * 3
    assert calls.stores == {}, "a store that failed is not asked again"
    assert operation.scope == Scope(viewer.user_id, "admin"), "what the session says is still known"


async def test_whoever_gives_up_waiting_takes_the_scope_from_nobody(school: RunningSchool) -> None:
    operation = Operation(school.services, await viewer_of(school, "student"))
    first, second = asyncio.create_task(operation.whole_scope()), asyncio.create_task(operation.whole_scope())
    for _ in range(3):
        await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(PATIENCE):
        scope = await second
    assert first.cancelled()
    assert len(scope.classroom_ids) == 1
    operation.over()


async def test_without_postgresql_an_administrator_still_learns_which_store_is_down(
    school: RunningSchool, eyes: Eyes
) -> None:
    await eyes.token("admin")
    async with gone(school):
        answer = (await eyes.ask("admin", "{ classrooms { totalCount } stores { name mode } viewer { name } }")).json()
    assert answer["data"]["classrooms"] is answer["data"]["viewer"] is None
    assert [store["mode"] for store in answer["data"]["stores"]] == ["EMBEDDED"] * 7
    errors = {tuple(error["path"]): error["extensions"] for error in answer["errors"]}
    down = {"code": "STORE_UNAVAILABLE", "store": "postgresql"}
    assert errors == {("classrooms",): down, ("viewer",): down}
