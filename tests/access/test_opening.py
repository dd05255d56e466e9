"""How does an operation come to its scope, and what is left where that fails?"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from datadir.errors import StoreUnavailable
from datadir.names import StoreName
from datadir.scope import ANONYMOUS, Scope
from resolvers.operation import Operation, Viewer
from tests.access.viewers import VIEWERS, Eyes
from tests.running_school import RunningSchool

PATIENCE: Final = 5.0


class Broken:
    """A lease of a server that is gone."""

    scope = ANONYMOUS

    async def fetch(self, *asked: Any) -> Any:
        """Nothing comes back."""
        await asyncio.sleep(0)
        raise StoreUnavailable(StoreName.POSTGRESQL)

    def widen(self, scope: Scope) -> None:
        """Never reached."""


async def viewer_of(school: RunningSchool, name: str) -> Viewer:
    async with school.services.stores.postgresql.transaction(Scope(role="system")) as tx:
        [user] = await tx.fetch("select id, role from users where email = $1", VIEWERS[name].email)
    return Viewer(user["id"], user["role"], "no session")


async def test_the_scope_is_the_viewers_memberships(school: RunningSchool) -> None:
    viewer = await viewer_of(school, "assistant")
    operation = Operation(school.services, viewer)
    assert operation.scope == Scope(viewer.user_id, "student")
    loaders = await operation.open()
    assert operation.scope is loaders.scope
    assert (len(loaders.scope.classroom_ids), len(loaders.scope.taught_ids)) == (2, 1)
    assert set(loaders.scope.taught_ids) < set(loaders.scope.classroom_ids)


async def test_everyone_who_waits_for_the_scope_is_told_that_it_failed_and_none_hangs(
    school: RunningSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = await viewer_of(school, "admin")
    operation = Operation(school.services, viewer)
    monkeypatch.setattr(school.services.stores.postgresql, "lease", lambda scope: Broken())
    async with asyncio.timeout(PATIENCE):
        told = await asyncio.gather(*(operation.open() for _ in range(3)), return_exceptions=True)
        with pytest.raises(StoreUnavailable):
            await operation.open()
    assert [type(each) for each in told] == [StoreUnavailable] * 3
    assert operation.scope == Scope(viewer.user_id, "admin"), "what the session says is still known"


async def test_whoever_gives_up_waiting_takes_the_scope_from_nobody(school: RunningSchool) -> None:
    operation = Operation(school.services, await viewer_of(school, "student"))
    first, second = asyncio.create_task(operation.open()), asyncio.create_task(operation.open())
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(PATIENCE):
        loaders = await second
    assert first.cancelled()
    assert len(loaders.scope.classroom_ids) == 1


async def test_without_postgresql_an_administrator_still_learns_which_store_is_down(
    school: RunningSchool, eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await eyes.token("admin")
    monkeypatch.setattr(school.services.stores.postgresql, "lease", lambda scope: Broken())
    answer = (await eyes.ask("admin", "{ classrooms { totalCount } stores { name mode } viewer { name } }")).json()
    assert answer["data"]["classrooms"] is answer["data"]["viewer"] is None
    assert [store["mode"] for store in answer["data"]["stores"]] == ["EMBEDDED"] * 7
    errors = {tuple(error["path"]): error["extensions"] for error in answer["errors"]}
    down = {"code": "STORE_UNAVAILABLE", "store": "postgresql"}
    assert errors == {("classrooms",): down, ("viewer",): down}
