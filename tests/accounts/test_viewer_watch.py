"""What does a look at the sessions of all who listen cost, and whom does it end while Redis is away?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final
from uuid import UUID

import pytest

from datadir.errors import StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from loaders.sessions import roles
from resolvers.operation import Viewer
from resolvers.sessions import GRACE, SeenSessions
from resolvers.viewer_watch import AT_ONCE, ViewerWatch
from tests.accounts.somebody import Coming, Somebody

SECONDS: Final = 5.0
OVER: Final = "This session has ended. Log in again."


async def test_looking_prolongs_nothing_marks_nobody_and_is_one_call_for_all(ada: Somebody, coming: Coming) -> None:
    stores, bob = ada.school.services.stores, await coming()
    redis: Any = stores.redis.raw
    key = f"session:{ada.session_id}"
    await redis.expire(key, 1000)
    await redis.delete(f"presence:{{{ada.user_id}}}")
    with kept() as ledger:
        found = await roles(stores, [(ada.session_id, ada.user_id), (bob.session_id, bob.user_id)])
    assert found == ["student", "student"]
    assert ledger.stores[StoreName.REDIS].calls == 1
    assert await redis.ttl(key) <= 1000
    assert await redis.exists(f"presence:{{{ada.user_id}}}") == 0
    assert await roles(stores, [(ada.session_id, bob.user_id)]) == [None]


class Redis:
    """A look whose answers are said one by one, the last of them for ever; an exception is raised."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.answers = list(answers)
        self.looks: list[int] = []

    async def look(self, sessions: Sequence[tuple[str, UUID]]) -> list[str | None]:
        self.looks.append(len(sessions))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(sessions)


class Clock:
    """A clock that is set forward by each look at it."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


DOWN: Final = StoreUnavailable(StoreName.REDIS)
VIEWER: Final = Viewer(UUID(int=1), "student", "session")


async def why(watch: ViewerWatch) -> str:
    """Why whoever listens may not any more."""
    ended: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
    with watch.watching(VIEWER, ended.set_result):
        async with asyncio.timeout(SECONDS):
            return str(await ended)


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (["student", "student", None], OVER),
        (["teacher"], "This account has another role now. Refresh the session."),
        (["student", DOWN, DOWN, None], OVER),
        ([DOWN, "student", None], OVER),
        (["student", RuntimeError("a defect"), None], OVER),
    ],
)
async def test_while_redis_is_away_whoever_was_seen_alive_listens_on(
    answers: list[str | Exception | None], sentence: str
) -> None:
    redis, seen = Redis(*answers), SeenSessions()
    seen.saw(VIEWER)
    watch = ViewerWatch(redis.look, seen, every=0.001)
    assert await why(watch) == sentence
    assert redis.looks == [1] * len(answers)
    assert seen.within_grace("session") is None, "nor does anybody read on by it"


async def test_for_a_minute_after_the_last_look_that_found_them() -> None:
    # A look that finds somebody looks at the clock once, and so does one that does not.
    redis, seen = Redis("student", "student", DOWN), SeenSessions(clock=Clock(GRACE / 4))
    assert await why(ViewerWatch(redis.look, seen, every=0.001)) == str(DOWN)
    assert len(redis.looks) == 2 + 5


@pytest.mark.parametrize("failure", [DOWN, RuntimeError("a defect")])
@pytest.mark.parametrize("seen", [None, SeenSessions()])
async def test_without_grace_nobody_listens_whom_nobody_can_ask_about(
    failure: Exception, seen: SeenSessions | None
) -> None:
    redis = Redis(failure)
    assert await why(ViewerWatch(redis.look, seen, every=0.001)) == str(failure)
    assert redis.looks == [1]


async def test_a_session_is_looked_at_once_however_many_listen_by_it() -> None:
    redis = Redis("student", None)
    watch = ViewerWatch(redis.look, None, every=0.001)
    told: list[str] = []
    with ExitStack() as stack:
        for number in range(AT_ONCE + 1):
            viewer = Viewer(UUID(int=number), "student", f"session {number}")
            for _ in range(2):
                stack.enter_context(watch.watching(viewer, lambda error: told.append(str(error))))
        async with asyncio.timeout(SECONDS):
            while len(told) < 2 * (AT_ONCE + 1):
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert redis.looks[:2] == [AT_ONCE, 1]
    assert told == [OVER] * 2 * (AT_ONCE + 1), "each was told, once"


async def test_while_nobody_listens_nothing_is_asked() -> None:
    redis = Redis("student")
    watch = ViewerWatch(redis.look, None, every=0.001)
    with watch.watching(VIEWER, lambda error: None):
        async with asyncio.timeout(SECONDS):
            while not redis.looks:
                await asyncio.sleep(0.001)
        [task] = [each for each in asyncio.all_tasks() if each.get_name() == "sessions of listeners"]
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
