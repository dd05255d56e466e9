"""Where is one logged in, and what ends that, at once and everywhere? (threat 38)"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from datadir.redis import keys
from graph.ids import encode
from tests.accounts.somebody import ERRORS, SESSIONS, WHO, Coming, Somebody, rows

LOG_OUT = f"mutation ($input: LogOutInput!) {{ logOut(input: $input) {{ loggedOut {ERRORS} }} }}"
REVOKE = f"mutation ($input: RevokeSessionInput!) {{ revokeSession(input: $input) {{ revokedSessionId {ERRORS} }} }}"


async def places(person: Somebody) -> list[Any]:
    """Where somebody is logged in."""
    found: list[Any] = (await person.done(SESSIONS))["sessions"]
    return found


async def test_whoever_logs_out_is_out_here_and_in_elsewhere(ada: Somebody) -> None:
    elsewhere = await ada.logged_in()
    assert await ada.done(LOG_OUT, {}) == {"loggedOut": True, "errors": []}
    assert not await ada.is_in()
    assert await ada.refresh_problem() == "INVALID_TOKEN"
    assert await elsewhere.is_in()
    assert await elsewhere.refreshed()


async def test_everywhere_is_everywhere_and_nobody_elses(ada: Somebody, coming: Coming) -> None:
    bob, sessions = await coming(), [await ada.logged_in() for _ in range(3)]
    assert await ada.done(LOG_OUT, {"everywhere": True}) == {"loggedOut": True, "errors": []}
    for each in (ada, *sessions):
        assert not await each.is_in()
        assert await each.refresh_problem() == "INVALID_TOKEN"
    assert await bob.is_in()


async def test_after_a_log_out_the_rest_of_the_request_is_nobodys(ada: Somebody) -> None:
    both = 'mutation { logOut(input: {}) { loggedOut } updateProfile(input: { name: "Eve" }) { user { name } } }'
    answer = (await ada.ask(both)).json()
    assert [(each["path"], each["extensions"]["code"]) for each in answer["errors"]] == [
        (["updateProfile"], "UNAUTHENTICATED")
    ]
    assert await rows(ada.school, "select name from users where id = $1", ada.user_id) == [(None,)]


async def test_one_sees_where_one_is_logged_in(ada: Somebody) -> None:
    other = await ada.logged_in(agent="Lynx/2.9" + "x" * 600)
    first, second = sorted(await places(other), key=lambda each: each["isCurrent"])
    assert first["id"] == encode("Session", keys.session_record(ada.session_id))
    assert (first["isCurrent"], first["userAgent"]) == (False, "tests")
    assert second["id"] == encode("Session", keys.session_record(other.session_id))
    assert (second["isCurrent"], second["userAgent"]) == (True, ("Lynx/2.9" + "x" * 600)[:500])
    assert {datetime.fromisoformat(each["createdAt"]) for each in (first, second)} == {ada.school.now}
    node = await ada.done('{ node(id: "ID") { ... on Session { isCurrent } } }'.replace("ID", first["id"]))
    assert node == {"isCurrent": True}


async def test_what_has_ended_is_not_shown(ada: Somebody) -> None:
    other = await ada.logged_in()
    await ada.done(LOG_OUT, {})
    assert [each["isCurrent"] for each in await places(other)] == [True]
    gone = encode("Session", keys.session_record(ada.session_id))
    answer = (await other.ask('{ node(id: "ID") { id } }'.replace("ID", gone))).json()
    assert answer["errors"][0]["extensions"] == {"code": "NOT_FOUND"}


async def test_one_session_ends_from_another(ada: Somebody) -> None:
    lost = await ada.logged_in()
    id_ = encode("Session", keys.session_record(lost.session_id))
    assert await ada.done(REVOKE, {"sessionId": id_}) == {"revokedSessionId": id_, "errors": []}
    assert not await lost.is_in()
    assert await lost.refresh_problem() == "INVALID_TOKEN"
    assert await ada.is_in()


async def test_ones_own_too(ada: Somebody) -> None:
    id_ = encode("Session", keys.session_record(ada.session_id))
    assert (await ada.done(REVOKE, {"sessionId": id_}))["revokedSessionId"] == id_
    assert not await ada.is_in()


@pytest.mark.parametrize("which", ["somebody's", "over", "never", "of another type", "nonsense"])
async def test_what_is_no_session_of_ones_own_was_never_there(ada: Somebody, coming: Coming, which: str) -> None:
    bob, over = await coming(), await ada.logged_in()
    await over.done(LOG_OUT, {})
    id_ = {
        "somebody's": encode("Session", keys.session_record(bob.session_id)),
        "over": encode("Session", keys.session_record(over.session_id)),
        "never": encode("Session", "00000000-0000-4000-8000-000000000000"),
        "of another type": encode("User", ada.user_id),
        "nonsense": "x",
    }[which]
    answer = await ada.ask(REVOKE, {"sessionId": id_})
    never = await ada.ask(REVOKE, {"sessionId": encode("Session", "00000000-0000-4000-8000-000000000001")})
    assert answer.content == never.content
    assert answer.json()["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    assert await bob.is_in()
    assert await ada.is_in()


async def test_administrators_see_sessions_and_end_none(ada: Somebody, admin: Somebody) -> None:
    id_ = encode("Session", keys.session_record(ada.session_id))
    query = '{ node(id: "ID") { ... on Session { isCurrent userAgent } } }'.replace("ID", id_)
    assert await admin.done(query) == {"isCurrent": False, "userAgent": "tests"}
    answer = (await admin.ask(REVOKE, {"sessionId": id_})).json()
    assert answer["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    assert await ada.is_in()


async def test_who_is_out_is_told_so_by_401(ada: Somebody) -> None:
    await ada.done(LOG_OUT, {})
    response = await ada.ask(WHO)
    assert response.status_code == 401
    assert response.json()["errors"][0]["message"] == "This session has ended. Log in again."
