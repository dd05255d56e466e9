"""What do administrators decide about accounts, and when does it bite? (threat 38)"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Final

import pytest

from graph.ids import encode
from tests.accounts.somebody import ERRORS, WHO, Coming, Somebody, rows

ROLE: Final = f"mutation ($input: SetUserRoleInput!) {{ setUserRole(input: $input) {{ user {{ role }} {ERRORS} }} }}"
END: Final = f"""
mutation ($input: DeactivateUserInput!) {{ deactivateUser(input: $input) {{ user {{ isActive }} {ERRORS} }} }}
"""
PLAN: Final = f"""
mutation ($input: SetSubscriptionInput!) {{
    setSubscription(input: $input) {{ user {{ subscription {{ plan status startedAt renewsAt }} }} {ERRORS} }}
}}
"""
USERS: Final = """
query ($filter: UserFilter, $first: Int!, $after: String, $orderBy: [UserOrder!]) {
    users(filter: $filter, first: $first, after: $after, orderBy: $orderBy) {
        totalCount nodes { email role } pageInfo { hasNextPage endCursor }
    }
}
"""
VERBS: Final = {ROLE: {"role": "TEACHER"}, END: {}, PLAN: {"plan": "PLUS"}}
NEVER: Final = encode("User", "00000000-0000-4000-8000-000000000000")


def id_of(person: Somebody) -> str:
    return encode("User", person.user_id)


async def code_of(person: Somebody, query: str, input: Any = None) -> str:
    """The one error of an operation that answers null."""
    answer = (await person.ask(query, input)).json()
    assert list(answer["data"].values()) == [None]
    [error] = answer["errors"]
    return str(error["extensions"]["code"])


async def test_another_role_is_every_sessions_at_once(ada: Somebody, admin: Somebody) -> None:
    other = await ada.logged_in()
    given = {"userId": id_of(ada), "role": "TEACHER"}
    assert await admin.done(ROLE, given) == {"user": {"role": "TEACHER"}, "errors": []}
    for session in (ada, other):
        assert (await session.done(WHO))["role"] == "TEACHER"
    assert await admin.done(ROLE, {**given, "role": "STUDENT"}) == {"user": {"role": "STUDENT"}, "errors": []}
    assert (await other.done(WHO))["role"] == "STUDENT"


async def test_whoever_is_no_administrator_any_more_administers_nothing(ada: Somebody, admin: Somebody) -> None:
    """Threat 38: the token still says ADMIN."""
    await admin.done(ROLE, {"userId": id_of(ada), "role": "ADMIN"})
    once = await ada.logged_in()
    assert once.claims["role"] == "admin"
    assert await code_of(once, END, {"userId": NEVER}) == "NOT_FOUND"
    await admin.done(ROLE, {"userId": id_of(ada), "role": "STUDENT"})
    assert await code_of(once, END, {"userId": NEVER}) == "FORBIDDEN"
    assert await code_of(once, "{ users { totalCount } }") == "FORBIDDEN"


async def test_a_role_that_changes_while_somebody_logs_in_is_the_role_they_have(ada: Somebody, admin: Somebody) -> None:
    for role in ("TEACHER", "STUDENT", "TEACHER"):
        change = admin.done(ROLE, {"userId": id_of(ada), "role": role})
        sessions, _ = await asyncio.gather(asyncio.gather(*(ada.logged_in() for _ in range(3))), change)
        assert {(await each.done(WHO))["role"] for each in sessions} == {role}


async def test_an_account_that_has_ended_is_out_everywhere_and_stays_out(ada: Somebody, admin: Somebody) -> None:
    other = await ada.logged_in(remember_me=True)
    assert await admin.done(END, {"userId": id_of(ada)}) == {"user": {"isActive": False}, "errors": []}
    for session in (ada, other):
        assert not await session.is_in()
        assert await session.refresh_problem() == "INVALID_TOKEN"
    assert not await ada.may_log_in()
    assert await admin.done(END, {"userId": id_of(ada)}) == {"user": {"isActive": False}, "errors": []}


async def test_a_log_in_while_the_account_ends_opens_nothing(ada: Somebody, admin: Somebody) -> None:
    async def tried() -> Somebody | None:
        try:
            return await ada.logged_in()
        except AssertionError:
            return None

    sessions = await asyncio.gather(*(tried() for _ in range(4)), admin.done(END, {"userId": id_of(ada)}))
    assert not any([await each.is_in() for each in sessions[:4] if each is not None])


async def test_a_plan_is_booked_and_goes_on(ada: Somebody, admin: Somebody) -> None:
    renews = (ada.school.now + timedelta(days=30)).isoformat()
    booked = await admin.done(PLAN, {"userId": id_of(ada), "plan": "PLUS", "renewsAt": renews})
    now = ada.school.now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    later = (ada.school.now + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    plan = {"plan": "PLUS", "status": "ACTIVE", "startedAt": now, "renewsAt": later}
    assert booked == {"user": {"subscription": plan}, "errors": []}
    assert await ada.done("{ viewer { subscription { plan status startedAt renewsAt } } }") == {"subscription": plan}
    again = await admin.done(PLAN, {"userId": id_of(ada), "plan": "PLUS"})
    assert again["user"]["subscription"] == {**plan, "renewsAt": None}


async def test_a_plan_renews_in_the_future(ada: Somebody, admin: Somebody) -> None:
    given = {"userId": id_of(ada), "plan": "PLUS", "renewsAt": ada.school.now.isoformat()}
    assert await admin.problem(PLAN, given) == ("OUT_OF_RANGE", ["input", "renewsAt"])
    assert await rows(ada.school, "select 1 from subscriptions where user_id = $1", ada.user_id) == []


@pytest.mark.parametrize("query", VERBS)
async def test_nobody_but_administrators_does_it_whoever_the_account_is(
    ada: Somebody, coming: Coming, query: str
) -> None:
    bob = await coming()
    answers = [
        (await ada.ask(query, {"userId": id_, **VERBS[query]})).content
        for id_ in (id_of(ada), id_of(bob), NEVER, encode("Course", "x"), "nonsense")
    ]
    assert len(set(answers)) == 1
    assert b'"code":"FORBIDDEN"' in answers[0]
    assert await rows(ada.school, "select role, is_active from users where id = $1", bob.user_id) == [("student", True)]


@pytest.mark.parametrize("query", VERBS)
async def test_an_account_that_there_is_not_is_not_found(admin: Somebody, query: str) -> None:
    for id_ in (NEVER, encode("Course", "00000000-0000-4000-8000-000000000000"), "nonsense"):
        assert await code_of(admin, query, {"userId": id_, **VERBS[query]}) == "NOT_FOUND"


async def test_nobody_shuts_themselves_out(admin: Somebody) -> None:
    myself = {"userId": id_of(admin)}
    assert await admin.problem(ROLE, {**myself, "role": "STUDENT"}) == ("INVALID_STATE", ["input", "userId"])
    assert await admin.problem(END, myself) == ("INVALID_STATE", ["input", "userId"])
    assert await admin.is_in()
    assert (await admin.done(ROLE, {**myself, "role": "ADMIN"}))["user"] == {"role": "ADMIN"}


# All accounts


async def users(admin: Somebody, **given: Any) -> Any:
    answer = await admin.school.post(USERS, {"first": 10, **given}, authorization=f"Bearer {admin.access}")
    return answer.json()["data"]["users"]


async def test_accounts_are_found_by_role_name_and_address(admin: Somebody) -> None:
    teachers = await users(admin, filter={"role": {"eq": "TEACHER"}, "email": {"contains": "@demo.school"}})
    assert teachers["totalCount"] >= 6
    assert {each["role"] for each in teachers["nodes"]} == {"TEACHER"}
    [maya] = (await users(admin, filter={"name": {"eq": "Maya Lindqvist"}}))["nodes"]
    assert maya == {"email": "teacher@demo.school", "role": "TEACHER"}
    staff = await users(admin, filter={"role": {"in": ["ADMIN", "SERVICE"]}}, orderBy=[{"field": "EMAIL"}])
    assert [each["email"] for each in staff["nodes"]] == ["admin@demo.school", "service@demo.school"]


@pytest.mark.parametrize("field", ["CREATED_AT", "NAME", "EMAIL", "LAST_LOGIN_AT"])
async def test_pages_of_accounts_show_each_account_once(admin: Somebody, field: str) -> None:
    found: list[str] = []
    cursor, more = None, True
    while more:
        page = await users(
            admin,
            after=cursor,
            first=50,
            filter={"email": {"contains": "a@demo.school"}},
            orderBy=[{"field": field, "direction": "DESC"}],
        )
        found += [each["email"] for each in page["nodes"]]
        cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert len(found) == len(set(found)) == page["totalCount"] > 5
