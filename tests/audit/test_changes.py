"""What does the log hear of what administrators do to accounts? In one transaction with it, and of refusals too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from datadir.audit import DEADLINE
from datadir.audit_check import verified
from datadir.minio.prefixes import AUDIT
from graph.ids import encode
from tests.accounts.somebody import Somebody, newcomer, rows
from tests.audit.conftest import Audited, Row
from tests.stores.audit_kept import LOCK
from tests.stores.postgresql_pool_contract import eventually

ROLE: Final = """
mutation Promote($input: SetUserRoleInput!) { setUserRole(input: $input) { user { email role } errors { code } } }
"""
END: Final = """
mutation Dismiss($input: DeactivateUserInput!) { deactivateUser(input: $input) { user { name } errors { code } } }
"""
PLAN: Final = """
mutation ($input: SetSubscriptionInput!) {
    setSubscription(input: $input) { user { subscription { plan } } errors { code } }
}
"""
DONE: Final = [
    (ROLE, {"role": "TEACHER"}, "setUserRole", "Promote", ("User.role",)),
    (END, {}, "deactivateUser", "Dismiss", ("User.isActive", "User.sessions")),
    (PLAN, {"plan": "PLUS"}, "setSubscription", "", ("User.subscription",)),
]


@pytest_asyncio.fixture
async def ada(audited: Audited) -> Somebody:
    """Somebody who has just registered."""
    return await newcomer(audited.school)


def given(person: Somebody, **more: Any) -> dict[str, Any]:
    return {"input": {"userId": encode("User", person.user_id), **more}}


@pytest.mark.parametrize(("query", "more", "action", "operation", "fields"), DONE)
async def test_what_is_done_to_somebody_is_one_row(
    audited: Audited, ada: Somebody, query: str, more: Any, action: str, operation: str, fields: Any
) -> None:
    """The person whom it was done to is in the administrator's hands already: to show them is no second row."""
    await audited.data("admin", query, given(ada, **more))
    done = Row("admin", action, operation, "done", (f"User:{ada.user_id}",), fields)
    assert await audited.rows() == [done]


async def test_several_changes_of_one_operation_are_a_row_each(audited: Audited, ada: Somebody) -> None:
    query = """
    mutation ($id: ID!) {
        up: setUserRole(input: { userId: $id, role: TEACHER }) { user { classrooms { nodes { name } } } }
        down: setUserRole(input: { userId: $id, role: STUDENT }) { user { role } }
    }
    """
    await audited.data("admin", query, {"id": encode("User", ada.user_id)})
    done = Row("admin", "setUserRole", "", "done", (f"User:{ada.user_id}",), ("User.role",))
    assert await audited.rows() == [done, done]


@pytest.mark.parametrize(("query", "more", "action", "operation", "fields"), DONE)
async def test_what_is_refused_is_not_audited_as_done(
    audited: Audited, ada: Somebody, query: str, more: Any, action: str, operation: str, fields: Any
) -> None:
    bob = await newcomer(audited.school)
    for account in ("student", "teacher"):
        answer = await audited.ask(account, query, given(ada, **more))
        assert answer.body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert await audited.rows() == [Row(account, action, operation, "refused", (), ())]
    never = {"input": {"userId": "VXNlcjo", **more}}
    assert (await audited.ask("admin", query, never)).body["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert await audited.rows() == [Row("admin", action, operation, "refused", (), ())]
    assert (await bob.ask(query, given(ada, **more)["input"])).json()["errors"]
    assert [(row.action, row.outcome) for row in await audited.rows()] == [(action, "refused")]


async def test_a_change_with_a_problem_is_refused(audited: Audited) -> None:
    myself = {"input": {"userId": encode("User", audited.people["admin"]), "role": "STUDENT"}}
    answer = await audited.data("admin", ROLE, myself)
    assert [each["code"] for each in answer["setUserRole"]["errors"]] == ["INVALID_STATE"]
    assert await audited.rows() == [Row("admin", "setUserRole", "Promote", "refused", (), ())]


async def test_nobody_without_an_account_writes_anything(audited: Audited, ada: Somebody) -> None:
    response = await audited.school.post(ROLE, given(ada, role="ADMIN"))
    assert response.status_code == 401
    assert await audited.rows() == []


async def test_the_head_of_a_change_is_kept_before_its_answer(audited: Audited, ada: Somebody) -> None:
    stores = audited.school.services.stores
    await audited.data("admin", ROLE, given(ada, role="TEACHER"))
    [[last]] = await rows(audited.school, "select max(position) from audit_log")
    verdict = await verified(stores.postgresql, stores.objects)
    assert (verdict.rows, verdict.kept, verdict.broken) == (last, last, [])
    assert await stores.objects.list(AUDIT.name)


# Where it cannot be written


@asynccontextmanager
async def held(audited: Audited) -> AsyncIterator[asyncpg.Connection]:
    """Nobody can write to the log."""
    holder = await asyncpg.connect(audited.school.owner_dsn)
    try:
        await holder.execute("begin")
        await holder.execute("select pg_advisory_xact_lock($1)", LOCK)
        yield holder
    finally:
        await holder.close()


async def written(audited: Audited) -> None:
    """Wait until those who waited for the lock have written."""
    await audited.school.services.stores.audit.close()


async def test_what_cannot_be_audited_is_shown_to_nobody_and_hinders_nobody_else(audited: Audited) -> None:
    query = "{ users(first: 3) { nodes { email } } }"
    async with held(audited):
        started = perf_counter()
        answer = await audited.ask("admin", query)
        assert DEADLINE <= perf_counter() - started < DEADLINE + 2
        [error] = answer.body["errors"]
        assert error["extensions"] == {"code": "STORE_UNAVAILABLE", "store": "postgresql"}
        assert (answer.status, "data" in answer.body) == (503, False)
        own = "{ viewer { email classrooms { nodes { joinCode } } } }"
        assert (await audited.data("teacher", own))["viewer"]["email"] == "teacher@demo.school"
        assert (await audited.data("admin", own))["viewer"]["email"] == "admin@demo.school"
    await written(audited)
    assert (await audited.ask("admin", query)).status == 200


async def test_what_cannot_be_audited_is_not_done(audited: Audited, ada: Somebody) -> None:
    async with held(audited) as holder:
        asking = asyncio.create_task(audited.ask("admin", ROLE, given(ada, role="TEACHER")))
        waits = "select pid from pg_stat_activity where wait_event = 'advisory'"
        await eventually(lambda: holder.fetchval(waits))
        await holder.execute("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'advisory'")
        answer = await asking
        assert answer.body["errors"][0]["extensions"]["code"] == "STORE_UNAVAILABLE"
    await written(audited)
    assert await rows(audited.school, "select role from users where id = $1", ada.user_id) == [("student",)]
    assert await audited.rows() == []
    assert (await ada.done("{ viewer { role } }"))["role"] == "STUDENT"
