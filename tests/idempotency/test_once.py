"""Is what comes with a key done once, and answered the same, however often it is asked?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from hashlib import sha256
from time import monotonic
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from graph.execution.edge import Root, spec_of
from graph.schema import graphql_schema
from loaders.idempotency_keys import SWEPT_AT_ONCE
from resolvers.access.labels import Label
from resolvers.idempotency import LARGEST_ANSWER, Fingerprints, Once
from tests.accounts.somebody import Coming, Somebody, rows
from tests.idempotency.asking import (
    ADMINS,
    ANOTHER,
    PAYLOADS,
    Clock,
    asked,
    code_of,
    data_of,
    document,
    footprint,
    forget_answer,
    input_of,
    kept,
    marked,
    replayed,
)


def test_every_mutation_that_takes_an_account_takes_a_key_and_no_other_does() -> None:
    mutation: Any = graphql_schema().mutation_type
    public, others = set(), set()
    for name, field in mutation.fields.items():
        spec = spec_of(field.extensions["strawberry-definition"])
        assert isinstance(spec, Root)
        input = field.args["input"].type.of_type
        assert ("idempotencyKey" in input.fields) == (spec.label is not Label.PUBLIC), name
        if spec.label is Label.PUBLIC:
            public.add(name)
        else:
            others.add(name)
            assert str(input.fields["idempotencyKey"].type) == "String"
    assert public == {"register", "logIn", "refreshSession", "requestPasswordReset", "resetPassword"}
    assert others >= set(PAYLOADS)


@pytest.mark.parametrize("verb", PAYLOADS)
async def test_asked_again_it_is_answered_the_same_and_not_done_again(
    verb: str, ada: Somebody, admin: Somebody
) -> None:
    given, other = await input_of(verb, ada), await ada.logged_in()
    asks = admin if verb in ADMINS else ada
    key = f"{verb} of {ada.user_id}"
    before = await footprint(ada)
    first = await asked(asks, verb, given, key)
    done = await footprint(ada)
    assert done != before
    assert replayed(first) == []
    # Whoever has logged out here, or has another password, asks from where they still are.
    again = asks if verb in ADMINS or verb in ("changePassword", "revokeSession") else other
    if verb == "logOut":
        assert not await ada.is_in()
    second = await asked(again, verb, given, key)
    assert data_of(second) == data_of(first)
    assert replayed(second) == [verb]
    assert await footprint(ada) == done
    assert second.json().keys() == {"data", "extensions"}
    if verb == "logOut":
        assert await other.is_in()
    if verb in ADMINS:
        said = [each for each in done if isinstance(each, tuple) and each[1:] == (verb, "done")]
        assert len(said) == 1
    # Under another key, or none, it is done anew.
    if verb not in ("revokeSession", "changePassword", "logOut", "deactivateUser"):
        await asked(again, verb, given, f"another {key}")
        assert await footprint(ada) != done


async def test_the_value_of_a_key_may_stand_in_the_document(ada: Somebody) -> None:
    query = 'mutation { updateProfile(input: { name: "Ada", idempotencyKey: "here" }) { user { name } } }'
    first, second = await ada.ask(query), await ada.ask(query)
    assert (replayed(first), replayed(second)) == ([], ["updateProfile"])
    assert first.json()["data"] == second.json()["data"]
    variable = (
        "mutation ($key: String) { ...On } fragment On on Mutation { "
        'p: updateProfile(input: { name: "Eve", idempotencyKey: $key }) { user { name } } }'
    )
    for expected in ([], ["p"]):
        answer = await ada.school.post(variable, {"key": "there"}, authorization=f"Bearer {ada.access}")
        assert (replayed(answer), answer.json()["data"]) == (expected, {"p": {"user": {"name": "Eve"}}})
    assert set(await kept(ada)) == {"here", "there"}


async def test_null_is_no_key(ada: Somebody) -> None:
    given = {"name": "Ada", "idempotencyKey": None}
    for _ in range(2):
        before = await footprint(ada)
        assert replayed(await ada.ask(document("updateProfile"), given)) == []
        assert await footprint(ada) != before
    assert await kept(ada) == {}


async def test_each_operation_of_a_batch_is_for_itself(ada: Somebody) -> None:
    one = {"query": document("updateProfile"), "variables": {"input": {"name": "Ada", "idempotencyKey": "a"}}}
    other = {"query": document("updateProfile"), "variables": {"input": {"lastName": "King", "idempotencyKey": "b"}}}
    headers = {"authorization": f"Bearer {ada.access}"}
    for expected in ([], ["updateProfile"]):
        answers = (await ada.school.priced.post("/graphql", json=[one, other], headers=headers)).json()
        assert [each["extensions"].get("replayed", []) for each in answers] == [expected, expected]
        assert all("errors" not in each for each in answers)
    assert await rows(ada.school, "select count(*) from profiles where user_id = $1", ada.user_id) == [(1,)]


# Another input, another person, another day


@pytest.mark.parametrize("verb", ["updateProfile", "uploadAvatar", "changePassword"])
async def test_something_else_under_the_same_key_is_refused_and_not_done(verb: str, ada: Somebody) -> None:
    await asked(ada, verb, await input_of(verb, ada), "once")
    done = await footprint(ada)
    others: dict[str, dict[str, Any]] = {
        "updateProfile": {"name": "Eve"},
        "uploadAvatar": {"red": 201},
        "changePassword": {"currentPassword": ANOTHER, "newPassword": "eleven grey pigeons"},
    }
    for accept in ("application/json", "application/graphql-response+json"):
        assert code_of(await asked(ada, verb, others[verb], "once", accept=accept)) == (422, "IDEMPOTENCY_KEY_REUSED")
    # What is selected is asked too.
    other = await asked(ada, verb, await input_of(verb, ada), "once", payload="__typename")
    assert code_of(other) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert await footprint(ada) == done


async def test_the_same_key_of_somebody_else_is_another_one(ada: Somebody, coming: Coming) -> None:
    eve = await coming()
    first = await asked(ada, "updateProfile", {"name": "Ada"}, "shared")
    second = await asked(eve, "updateProfile", {"name": "Eve"}, "shared")
    assert [each.json()["data"]["updateProfile"]["user"]["name"] for each in (first, second)] == ["Ada", "Eve"]
    assert (replayed(first), replayed(second)) == ([], [])


async def test_a_day_later_it_is_done_anew(ada: Somebody, clock: Clock) -> None:
    given = {"name": "Ada"}
    with clock.later(timedelta(hours=-23, minutes=-59)):
        await asked(ada, "updateProfile", given, "young")
    with clock.later(timedelta(hours=-24)):
        first = await asked(ada, "updateProfile", given, "old")
    assert replayed(await asked(ada, "updateProfile", given, "young")) == ["updateProfile"]
    done = await footprint(ada)
    other = await asked(ada, "updateProfile", {"name": "Eve"}, "old")
    assert replayed(other) == []
    assert data_of(other) != data_of(first)
    assert await footprint(ada) != done
    again = await asked(ada, "updateProfile", {"name": "Eve"}, "old")
    assert (replayed(again), data_of(again)) == (["updateProfile"], data_of(other))


async def test_what_is_old_is_swept_by_whoever_keeps_an_answer(ada: Somebody, coming: Coming, clock: Clock) -> None:
    eve = await coming()
    with clock.later(timedelta(days=-300)):
        for number in range(SWEPT_AT_ONCE + 1):
            await marked(eve, f"old {number:02}", clock())
    await marked(eve, "young", clock() - timedelta(hours=23))
    await asked(ada, "updateProfile", {"name": "Ada"}, "first")
    assert set(await kept(eve)) == {f"old {SWEPT_AT_ONCE:02}", "young"}
    await asked(ada, "updateProfile", {"name": "Ada"}, "second")
    assert set(await kept(eve)) == {"young"}
    assert set(await kept(ada)) == {"first", "second"}


# At once


async def test_two_who_ask_the_same_at_once_are_told_the_same_and_it_is_done_once(ada: Somebody) -> None:
    for number in range(5):
        given = {"name": f"Ada {number}"}
        answers = await asyncio.gather(*(asked(ada, "updateProfile", given, f"race {number}") for _ in range(6)))
        assert len({data_of(each) for each in answers}) == 1
        assert sorted(map(len, map(replayed, answers))) == [0, 1, 1, 1, 1, 1]
    account = await rows(ada.school, "select name from users where id = $1", ada.user_id)
    assert account == [("Ada 4",)]


async def test_of_a_picture_that_comes_twice_at_once_one_object_stays(ada: Somebody) -> None:
    answers = await asyncio.gather(*(asked(ada, "uploadAvatar", {}, "picture") for _ in range(4)))
    assert len({data_of(each) for each in answers}) == 1
    assert len((await footprint(ada))[-1]) == 1


async def test_two_who_change_a_plan_at_once_leave_one_row_in_the_audit_log(ada: Somebody, admin: Somebody) -> None:
    given = await input_of("setSubscription", ada)
    answers = await asyncio.gather(*(asked(admin, "setSubscription", given, f"p{ada.user_id}") for _ in range(6)))
    assert len({data_of(each) for each in answers}) == 1
    subject = f"User:{ada.user_id}"
    found = await rows(ada.school, "select action from audit_log where subjects @> array[$1]", subject)
    assert found == [("setSubscription",)]


async def test_different_keys_of_one_person_do_not_wait_for_each_other_in_a_circle(ada: Somebody) -> None:
    others = [await ada.logged_in() for _ in range(8)]
    answers = await asyncio.gather(*(asked(each, "logOut", {}, each.session_id) for each in others))
    assert {data_of(each) for each in answers} == {'{"logOut": {"loggedOut": true, "errors": []}}'}
    assert [await each.is_in() for each in others] == [False] * 8
    assert await ada.is_in()


# What had no effect


async def test_what_did_nothing_is_not_kept_and_tried_anew(ada: Somebody, admin: Somebody) -> None:
    wrong = await ada.problem(document("updateProfile"), {"name": "\x07", "idempotencyKey": "k"})
    assert wrong == ("INVALID_TEXT", ["input", "name"])
    gone = await asked(ada, "revokeSession", {"sessionId": "U2Vzc2lvbjo"}, "k")
    assert "errors" in gone.json()
    refused = await asked(ada, "setUserRole", await input_of("setUserRole", ada), "k")
    assert [each["extensions"]["code"] for each in refused.json()["errors"]] == ["FORBIDDEN"]
    nobody = {"userId": "VXNlcjowMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDA", "role": "TEACHER"}
    unknown = await asked(admin, "setUserRole", nobody, f"{ada.user_id}")
    assert [each["extensions"]["code"] for each in unknown.json()["errors"]] == ["NOT_FOUND"]
    assert await kept(ada) == {}
    assert f"{ada.user_id}" not in await kept(admin)
    assert replayed(await asked(ada, "updateProfile", {"name": "Ada"}, "k")) == []
    assert set(await kept(ada)) == {"k"}


# An answer that is not there


async def test_what_was_done_and_never_answered_is_not_done_again(ada: Somebody, clock: Clock) -> None:
    given = {"name": "Ada"}
    await asked(ada, "updateProfile", given, "lost")
    await forget_answer(ada.user_id, ada.school, "lost")
    done, begun = await footprint(ada), monotonic()
    response = await asked(ada, "updateProfile", given, "lost")
    waited = monotonic() - begun
    assert code_of(response) == (409, "IDEMPOTENCY_ANSWER_MISSING")
    assert response.json()["errors"][0]["extensions"] == {"code": "IDEMPOTENCY_ANSWER_MISSING", "retryAfter": 1}
    assert response.headers["retry-after"] == "1"
    assert await footprint(ada) == done
    # Later it is clear at once that nothing comes any more.
    begun = monotonic()
    with clock.later(timedelta(minutes=2)):
        late = await asked(ada, "updateProfile", given, "lost")
    assert code_of(late) == (409, "IDEMPOTENCY_ANSWER_MISSING")
    assert monotonic() - begun < waited / 2


async def test_whose_answer_cannot_be_kept_has_it_all_the_same(ada: Somebody) -> None:
    owner = await asyncpg.connect(ada.school.owner_dsn)
    try:
        await owner.execute(
            "create function no_answers() returns trigger language plpgsql as "
            "$$ begin raise exception 'gone' using errcode = '57P01'; end $$"
        )
        await owner.execute(
            "create trigger no_answers before update on idempotency_keys for each row "
            f"when (new.user_id = '{ada.user_id}') execute function no_answers()"
        )
        with capture_logs() as logs:
            first = await asked(ada, "updateProfile", {"name": "Ada"}, "unkept")
    finally:
        await owner.execute("drop trigger if exists no_answers on idempotency_keys")
        await owner.execute("drop function if exists no_answers()")
        await owner.close()
    assert data_of(first)
    assert [each["log_level"] for each in logs if each["event"] == "an answer is not kept"] == ["warning"]
    assert await kept(ada) == {"unkept": None}
    again = await asked(ada, "updateProfile", {"name": "Ada"}, "unkept")
    assert code_of(again) == (409, "IDEMPOTENCY_ANSWER_MISSING")


async def test_an_answer_that_is_too_large_is_not_kept(ada: Somebody, clock: Clock) -> None:
    once = Once(ada.school.services, ada.user_id, {}, done={"large", "largest"})
    for key in ("large", "largest", "others"):
        await marked(ada, key, clock())
    largest = "x" * LARGEST_ANSWER
    await once.keep({"large": f"{largest}x", "largest": largest, "others": "{}"})
    assert await kept(ada) == {"large": None, "largest": largest, "others": None}


async def test_an_answer_that_is_about_to_come_is_waited_for(ada: Somebody) -> None:
    given = {"name": "Ada"}
    first = await asked(ada, "updateProfile", given, "soon")
    told = (await kept(ada))["soon"]
    await forget_answer(ada.user_id, ada.school, "soon")
    waiting = asyncio.create_task(asked(ada, "updateProfile", given, "soon"))
    sql = "update idempotency_keys set answer = $2 where user_id = $1 and key = 'soon' returning 1"
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    await rows(ada.school, sql, ada.user_id, told)
    assert data_of(await waiting) == data_of(first)


# Which keys there may be


@pytest.mark.parametrize("key", ["", "k" * 201, "a\nb", "a\x00b", "\x7f"])
async def test_a_key_that_is_none_is_refused_and_nothing_done(ada: Somebody, key: str) -> None:
    before = await footprint(ada)
    for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
        refused = await asked(ada, "updateProfile", {"name": "Ada"}, key, accept=accept)
        assert code_of(refused) == (status, "BAD_USER_INPUT")
    assert await footprint(ada) == before


async def test_the_longest_key_is_one(ada: Somebody) -> None:
    key = "\U0001f511" * 200
    assert [replayed(await asked(ada, "updateProfile", {"name": "A"}, key)) for _ in "ab"] == [[], ["updateProfile"]]


# What is in the table


async def test_neither_a_password_nor_its_plain_hash_is_kept(ada: Somebody) -> None:
    given = {"currentPassword": ada.password, "newPassword": ANOTHER}
    await asked(ada, "changePassword", given, "secret")
    [row] = await rows(ada.school, "select * from idempotency_keys where user_id = $1", ada.user_id)
    written = " ".join(map(str, row))
    assert len(row[2]) == 64
    for password in (ada.password, ANOTHER):
        assert password not in written
        assert sha256(password.encode()).hexdigest() not in written


def test_a_fingerprint_takes_the_secret_and_outlives_its_replacement() -> None:
    old, new = Fingerprints("old" * 12), Fingerprints("new" * 12, "old" * 12)
    assert (len(old.of(b"asked")), old.of(b"asked") == new.of(b"asked")) == (64, False)
    assert [new.fits(each.of(b"asked"), b"asked") for each in (old, new)] == [True, True]
    assert not new.fits(new.of(b"asked"), b"another")
    assert not old.fits(new.of(b"asked"), b"asked")
    assert sha256(b"asked").hexdigest() not in (old.of(b"asked"), new.of(b"asked"))


async def test_the_store_is_asked_three_times_more_and_once_for_a_repetition(ada: Somebody) -> None:
    asks, predicted, only = [], [], []
    for key in (None, "dear", "dear"):
        told: dict[str, Any] = {"x_studygraph_ledger": "1", "x_studygraph_explain": "1"}
        answer = (await asked(ada, "updateProfile", {"name": "Ada"}, key, **told)).json()["extensions"]
        asks.append({store: each["calls"] for store, each in answer["ledger"].items()})
        predicted.append(answer["plan"]["calls"]["postgresql"])
        shown = await asked(ada, "updateProfile", {"name": "Ada"}, key, x_studygraph_explain="only")
        only.append(shown.json()["extensions"]["plan"]["calls"]["postgresql"])
    plain, first, again = asks
    assert first == {**plain, "postgresql": plain["postgresql"] + 3}
    assert again == {"redis": 1, "postgresql": 1}
    # What is predicted is what it costs the first time: nobody knows before asking whether it was done.
    assert predicted == only == [predicted[0], predicted[0] + 3, predicted[0] + 3]
