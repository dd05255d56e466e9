"""Does an open socket learn within five seconds that its viewer is no longer who they were? (threat 38)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final
from uuid import UUID

import pytest

from datadir.errors import StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from graph.ids import encode
from loaders.sessions import Seen, scope_changed, seen
from resolvers.operation import Viewer
from resolvers.viewer_watch import ViewerChange, ViewerWatch
from tests.accounts.somebody import Coming, Somebody
from tests.accounts.test_administration import END, ROLE
from tests.accounts.test_log_out import LOG_OUT
from tests.accounts.test_passwords import ANOTHER, CHANGE

SECONDS: Final = 5.0


def viewer_of(person: Somebody, role: str = "student") -> Viewer:
    return Viewer(person.user_id, role, person.session_id)


@asynccontextmanager
async def watched(*people: Somebody) -> AsyncIterator[list[asyncio.Task[ViewerChange]]]:
    """Each of them is watched as by an open socket, and nothing has happened yet."""
    viewers = people[0].school.services.viewers
    assert viewers is not None
    tasks = [asyncio.create_task(viewers.changed(viewer_of(each))) for each in people]
    async with asyncio.timeout(SECONDS):
        while len(viewers._waiting) < len(people):
            await asyncio.sleep(0)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert viewers._task is None, "nobody is watched, nothing is asked"


async def told(task: asyncio.Task[ViewerChange]) -> ViewerChange:
    started = monotonic()
    change = await asyncio.wait_for(asyncio.shield(task), 60)
    assert monotonic() - started < SECONDS
    return change


async def test_a_log_out_elsewhere_is_told_to_that_session_alone(ada: Somebody) -> None:
    socket, other = ada, await ada.logged_in()
    async with watched(socket, other) as (first, second):
        await socket.done(LOG_OUT, {})
        assert await told(first) is ViewerChange.ENDED
        assert not second.done()


async def test_a_password_that_changes_is_told_to_all_other_sessions(ada: Somebody) -> None:
    other = await ada.logged_in()
    async with watched(ada, other) as (first, second):
        await ada.done(CHANGE, {"currentPassword": ada.password, "newPassword": ANOTHER})
        assert await told(second) is ViewerChange.ENDED
        assert not first.done()


async def test_the_end_of_an_account_is_told_and_so_is_another_role(
    ada: Somebody, coming: Coming, admin: Somebody
) -> None:
    bob = await coming()
    async with watched(ada, bob) as (first, second):
        await admin.done(END, {"userId": encode("User", ada.user_id)})
        await admin.done(ROLE, {"userId": encode("User", bob.user_id), "role": "TEACHER"})
        assert await told(first) is ViewerChange.ENDED
        assert await told(second) is ViewerChange.ROLE


async def test_memberships_that_change_are_told_to_whom_they_are_of(ada: Somebody, coming: Coming) -> None:
    bob = await coming()
    async with watched(ada, bob) as (first, second):
        await scope_changed(ada.school.services.stores, [ada.user_id])
        assert await told(first) is ViewerChange.SCOPE
        assert not second.done()
    # What happened before somebody listens is no news to them.
    async with watched(ada) as [again]:
        await scope_changed(ada.school.services.stores, [ada.user_id])
        assert await told(again) is ViewerChange.SCOPE


async def test_who_has_ended_before_they_listen_is_told_at_once(ada: Somebody) -> None:
    await ada.done(LOG_OUT, {})
    viewers: Any = ada.school.services.viewers
    assert await asyncio.wait_for(viewers.changed(viewer_of(ada)), SECONDS) is ViewerChange.ENDED


async def test_looking_prolongs_nothing_marks_nobody_and_is_one_call_for_all(ada: Somebody, coming: Coming) -> None:
    stores, bob = ada.school.services.stores, await coming()
    redis: Any = stores.redis.raw
    key = f"session:{ada.session_id}"
    await redis.expire(key, 1000)
    await redis.delete(f"presence:{{{ada.user_id}}}")
    with kept() as ledger:
        found = await seen(stores, [(ada.session_id, ada.user_id), (bob.session_id, bob.user_id)])
    assert [each.role for each in found] == ["student", "student"]
    assert ledger.stores[StoreName.REDIS].calls == 1
    assert await redis.ttl(key) <= 1000
    assert await redis.exists(f"presence:{{{ada.user_id}}}") == 0
    assert await seen(stores, [(ada.session_id, bob.user_id)]) == [Seen(None, None)]


class Redis:
    """A look whose answers are said one by one; an exception is raised."""

    def __init__(self, *answers: Seen | Exception) -> None:
        self.answers = list(answers)
        self.looks = 0

    async def look(self, sessions: Sequence[tuple[str, UUID]]) -> list[Seen]:
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(sessions)


DOWN: Final = StoreUnavailable(StoreName.REDIS)
ALIVE: Final = Seen("student", 7)
VIEWER: Final = Viewer(UUID(int=1), "student", "session")


@pytest.mark.parametrize(
    ("answers", "change"),
    [
        ([ALIVE, ALIVE, Seen(None, None)], ViewerChange.ENDED),
        ([ALIVE, Seen("admin", 7)], ViewerChange.ROLE),
        ([ALIVE, Seen("student", 8)], ViewerChange.SCOPE),
        ([Seen("student", None), Seen("student", 1)], ViewerChange.SCOPE),
        ([ALIVE, Seen("student", None), Seen("student", 8)], ViewerChange.SCOPE),
        ([Seen("teacher", None)], ViewerChange.ROLE),
        ([ALIVE, DOWN, DOWN, Seen(None, None)], ViewerChange.ENDED),
        ([DOWN, Seen(None, None)], ViewerChange.ENDED),
    ],
)
async def test_nothing_is_said_while_nobody_can_say(answers: list[Seen | Exception], change: ViewerChange) -> None:
    redis = Redis(*answers)
    watch = ViewerWatch(redis.look, every=0.001)
    assert await asyncio.wait_for(watch.changed(VIEWER), SECONDS) is change
    assert redis.looks == len(answers)
    assert watch._task is None
