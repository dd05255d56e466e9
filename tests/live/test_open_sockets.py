"""Do open sockets and streams notice within five seconds that their viewer is no longer who they were? And does
listening alone keep no session alive? On real connections (threats 18, 38)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.redis import keys
from datadir.scope import SYSTEM
from graph.http.application import Application
from graph.ids import encode
from tests.accounts.somebody import Coming, Somebody
from tests.accounts.test_administration import END, ROLE
from tests.accounts.test_log_out import LOG_OUT, REVOKE
from tests.accounts.test_passwords import ANOTHER, CHANGE, asked_for, reset
from tests.http.partly import Parts, asking
from tests.listening import Listening, listening, of_work
from tests.live.glimpses import glimpsing, source
from tests.running_school import RunningSchool
from tests.sockets.talking import LIVE, Talk, talking

SECONDS: Final = 5.0
EVENTS: Final = "text/event-stream"
APOLLO: Final = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json'
OVER: Final = "This session has ended. Log in again."
ANOTHER_ROLE: Final = "This account has another role now. Refresh the session."


@pytest_asyncio.fixture(scope="module")
async def served(changing_school: RunningSchool) -> AsyncIterator[Listening]:
    """A running server, whose accounts may change."""
    async with listening(changing_school) as server:
        yield server


class Open:
    """One session, listening in every way that there is: an idle socket, one with a stream, and two streams by HTTP."""

    def __init__(self, idle: Talk, streaming: Talk, events: Parts, parts: Parts) -> None:
        self.idle = idle
        self.streaming = streaming
        self.events = events
        self.parts = parts

    async def ends(self) -> list[tuple[Any, str]]:
        """How each of them ends: the socket's code, or the code of the last event, and the sentence."""
        started = monotonic()
        ended = await asyncio.gather(
            self.idle.closed(), self.streaming.closed(), _last_event(self.events), _last_part(self.parts)
        )
        assert monotonic() - started < SECONDS
        return list(ended)

    async def goes_on(self, served: Listening) -> None:
        """All of them listen still."""
        await self.idle.ask("2", "{ viewer { id } }")
        assert (await self.idle.hear())["payload"]["data"]["viewer"]["id"]
        with served.at_work():
            await of_work(self.heard)
            for parts, mark in ((self.events, b"\n\n"), (self.parts, b"\r\n--graphql")):
                while b'"name":"kafka","status":"WARMING"' not in (told := await parts.until(mark)):
                    assert b'"errors"' not in told

    async def heard(self) -> Any:
        """The next event of the stream on a socket."""
        return (await self.streaming.hear())["payload"]["data"]["storesLive"]


@asynccontextmanager
async def opened(served: Listening, person: Somebody) -> AsyncIterator[Open]:
    """This session listens, and each stream has told its snapshot."""
    bearer = f"Bearer {person.access}"
    async with (
        talking(served) as idle,
        talking(served) as streaming,
        asking(served, LIVE, accept=EVENTS, authorization=bearer) as events,
        asking(served, LIVE, accept=APOLLO, authorization=bearer) as parts,
    ):
        await idle.begin(token=person.access)
        await streaming.begin(token=person.access)
        await streaming.ask("1", LIVE)
        assert (await streaming.hear())["payload"]["data"]["storesLive"]["kind"] == "SNAPSHOT"
        assert b'"kind":"SNAPSHOT"' in await events.until(b"\n\n")
        await parts.until(b"--graphql")
        assert b'"kind":"SNAPSHOT"' in await parts.until(b"\r\n--graphql")
        yield Open(idle, streaming, events, parts)


async def _last_event(events: Parts) -> tuple[Any, str]:
    told = (await events.rest()).decode().split("\n\n")
    assert told[-2:] == ["event: complete\ndata:", ""]
    [error] = json.loads(told[-3].partition("data: ")[2])["errors"]
    return error["extensions"]["code"], error["message"]


async def _last_part(parts: Parts) -> tuple[Any, str]:
    *_, last, end = (await parts.rest()).decode().split("\r\n--graphql")
    assert end == "--\r\n"
    told = json.loads(last.partition("\r\n\r\n")[2])
    assert told["payload"] is None
    [error] = told["errors"]
    return error["extensions"]["code"], error["message"]


def endings(sentence: str) -> list[tuple[Any, str]]:
    """How all of `Open` ends."""
    return [(4403, f"Forbidden: {sentence}")] * 2 + [("UNAUTHENTICATED", sentence)] * 2


Doing = Callable[[Somebody, Somebody], Awaitable[Any]]


async def log_out_here(ada: Somebody, admin: Somebody) -> None:
    await ada.done(LOG_OUT, {})


async def log_out_elsewhere(ada: Somebody, admin: Somebody) -> None:
    await (await ada.logged_in()).done(LOG_OUT, {"everywhere": True})


async def revoke_it_elsewhere(ada: Somebody, admin: Somebody) -> None:
    session = encode("Session", keys.session_record(ada.session_id))
    await (await ada.logged_in()).done(REVOKE, {"sessionId": session})


async def change_the_password_elsewhere(ada: Somebody, admin: Somebody) -> None:
    await (await ada.logged_in()).done(CHANGE, {"currentPassword": ada.password, "newPassword": ANOTHER})


async def reset_the_password(ada: Somebody, admin: Somebody) -> None:
    await reset(ada.school, await asked_for(ada))


async def deactivate_the_account(ada: Somebody, admin: Somebody) -> None:
    await admin.done(END, {"userId": encode("User", ada.user_id)})


@pytest.mark.parametrize(
    "doing",
    [
        log_out_here,
        log_out_elsewhere,
        revoke_it_elsewhere,
        change_the_password_elsewhere,
        reset_the_password,
        deactivate_the_account,
    ],
    ids=lambda doing: doing.__name__,
)
async def test_threat_38_what_ends_a_session_ends_all_that_listens_by_it(
    served: Listening, ada: Somebody, admin: Somebody, doing: Doing
) -> None:
    async with opened(served, ada) as listening:
        await doing(ada, admin)
        assert await listening.ends() == endings(OVER)


async def test_threat_38_another_role_ends_what_was_begun_in_the_one_before(
    served: Listening, ada: Somebody, admin: Somebody
) -> None:
    async with opened(served, ada) as before:
        await admin.done(ROLE, {"userId": encode("User", ada.user_id), "role": "TEACHER"})
        assert await before.ends() == endings(ANOTHER_ROLE)
    # With the next token it goes on in the new role, and so it does with the one at hand.
    for person in (await ada.refreshed(), ada):
        async with talking(served) as talk:
            await talk.begin(token=person.access)
            await talk.ask("1", "{ viewer { role } }")
            assert (await talk.hear())["payload"]["data"] == {"viewer": {"role": "TEACHER"}}


async def test_other_sessions_listen_on(served: Listening, ada: Somebody, coming: Coming) -> None:
    other, bob = await ada.logged_in(), await coming()
    async with opened(served, ada) as first, opened(served, other) as second, opened(served, bob) as third:
        await ada.done(LOG_OUT, {})
        assert await first.ends() == endings(OVER)
        await second.goes_on(served)
        await third.goes_on(served)


async def test_threat_38_the_next_event_is_decided_by_the_memberships_of_its_moment(
    changing_school: RunningSchool, ada: Somebody
) -> None:
    def with_glimpses(app: Application) -> None:
        app.sockets.graph = glimpsing(app.sockets.graph)  # type: ignore[attr-defined]

    postgresql, member, id_ = changing_school.services.stores.postgresql, uuid4(), changing_school.ids["classroom"]
    async with postgresql.transaction(SYSTEM) as tx:
        await tx.execute(
            "insert into classroom_members (id, classroom_id, user_id, role) "
            "select $1, id, $2, 'student' from classrooms where name = 'Plant Biology'",
            member,
            ada.user_id,
        )
    query = "subscription G($id: ID!) { glimpses(id: $id) { number classroom { name } } }"
    async with listening(changing_school, with_glimpses) as served, talking(served) as talk:
        await talk.begin(token=ada.access)
        await talk.ask("1", query, variables={"id": id_})
        source.said.put_nowait(1)
        assert (await talk.hear())["payload"]["data"]["glimpses"]["classroom"] == {"name": "Plant Biology"}
        async with postgresql.transaction(SYSTEM) as tx:
            await tx.execute("delete from classroom_members where id = $1", member)
        source.said.put_nowait(2)
        told = (await talk.hear())["payload"]
        assert told["data"]["glimpses"] == {"number": 2, "classroom": None}
        assert [error["extensions"]["code"] for error in told["errors"]] == ["NOT_FOUND"]
        # Nothing else is wrong with the socket.
        await talk.ask("2", "{ viewer { id } }")
        assert (await talk.hear())["payload"]["data"]["viewer"]["id"] == encode("User", ada.user_id)


async def test_listening_prolongs_no_session_and_is_no_presence(served: Listening, ada: Somebody) -> None:
    redis: Any = served.school.services.stores.redis.raw
    session, presence = keys.session(ada.session_id), keys.presence(ada.user_id)
    async with opened(served, ada) as listens:
        await redis.expire(session, 1_000)
        await redis.delete(presence)
        await looked_at(redis, 2)
        with served.at_work(percent=10):
            # An event is no sign of life of whoever it is told to.
            await of_work(listens.heard)
        assert 900 < await redis.ttl(session) <= 1_000
        assert await redis.exists(presence) == 0
        # Asking is one.
        await listens.goes_on(served)
        assert 3_590 < await redis.ttl(session) <= 3_600
        assert await redis.exists(presence) == 1


async def looked_at(redis: Any, looks: int) -> None:
    """Wait until sessions were looked at so often."""

    async def asked() -> int:
        return int((await redis.info("commandstats"))["cmdstat_hmget"]["calls"])

    before = await asked()
    async with asyncio.timeout(60):
        # One session a look: whatever listens by it is looked at once.
        while await asked() < before + looks:
            await asyncio.sleep(0.05)


async def test_who_has_logged_out_before_is_told_at_the_door(served: Listening, ada: Somebody) -> None:
    await ada.done(LOG_OUT, {})
    async with talking(served) as talk:
        await talk.say(type="connection_init", payload={"token": ada.access})
        assert await talk.closed() == (4403, f"Forbidden: {OVER}")
    for accept in (EVENTS, APOLLO):
        async with asking(served, LIVE, accept=accept, authorization=f"Bearer {ada.access}") as parts:
            assert parts.status == 401
            assert json.loads(await parts.rest())["errors"][0]["message"] == OVER


async def test_a_token_of_another_account_does_not_stay_open_by_somebody_elses_session(
    served: Listening, ada: Somebody, coming: Coming
) -> None:
    bob = await coming()
    mixed = served.school.services.tokens.access(bob.user_id, "student", ada.session_id, served.school.now).text
    async with talking(served) as talk:
        await talk.say(type="connection_init", payload={"token": mixed})
        assert await talk.closed() == (4403, f"Forbidden: {OVER}")
