"""How does one get another password, and what does that end? (threats 33 and 35)"""

from __future__ import annotations

import asyncio
import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import pytest
from argon2 import PasswordHasher

from resolvers.passwords import Passwords
from tests.accounts.somebody import ERRORS, LOG_IN, Coming, Somebody, only_problem, rows
from tests.running_school import RunningSchool

CHANGE: Final = f"mutation ($input: ChangePasswordInput!) {{ changePassword(input: $input) {{ changed {ERRORS} }} }}"
ASK: Final = f"""
mutation ($input: RequestPasswordResetInput!) {{ requestPasswordReset(input: $input) {{ requested {ERRORS} }} }}
"""
RESET: Final = f"mutation ($input: ResetPasswordInput!) {{ resetPassword(input: $input) {{ changed {ERRORS} }} }}"
ANOTHER: Final = "four calling birds sang"
DONE: Final = {"changed": True, "errors": []}


def letters(school: RunningSchool, to: str) -> list[Any]:
    """The letters to an address, the oldest first."""
    paths = sorted(Path(school.settings.data_dir, "mail").glob("*.eml"))
    found = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]
    return [each for each in found if each["To"] == to]


async def jobs_done(school: RunningSchool) -> None:
    """Every letter that was asked for has been written, or there is nobody to write to."""
    async with asyncio.timeout(60):
        while await rows(
            school, "select id from jobs where kind = 'accounts.reset_letter' and status in ('queued', 'running')"
        ):
            await asyncio.sleep(0.05)


async def asked_for(person: Somebody) -> str:
    """The token of the letter that somebody asks for."""
    answer = await person.school.post(ASK, {"input": {"email": person.email}})
    assert answer.json()["data"]["requestPasswordReset"] == {"requested": True, "errors": []}
    await jobs_done(person.school)
    return str(letters(person.school, person.email)[-1].get_content().split("\n\n")[2])


async def reset(school: RunningSchool, token: str, new: str = ANOTHER) -> Any:
    return (await school.post(RESET, {"input": {"token": token, "newPassword": new}})).json()


# By saying the one that one has


async def test_another_password_takes_the_place_of_the_first(ada: Somebody) -> None:
    assert await ada.done(CHANGE, {"currentPassword": ada.password, "newPassword": ANOTHER}) == DONE
    assert not await ada.may_log_in()
    assert await replace(ada, password=ANOTHER).may_log_in()


async def test_it_ends_every_session_but_the_one_that_changed_it(ada: Somebody) -> None:
    """Threat 38."""
    others = [await ada.logged_in() for _ in range(2)]
    await ada.done(CHANGE, {"currentPassword": ada.password, "newPassword": ANOTHER})
    assert await ada.is_in()
    assert await (await ada.refreshed()).is_in()
    for each in others:
        assert not await each.is_in()
        assert await each.refresh_problem() == "INVALID_TOKEN"


@pytest.mark.parametrize(
    ("current", "new", "code", "field"),
    [
        ("not the password", ANOTHER, "INVALID_CREDENTIALS", "currentPassword"),
        ("", ANOTHER, "INVALID_CREDENTIALS", "currentPassword"),
        ("y8" * 100_000, ANOTHER, "INVALID_CREDENTIALS", "currentPassword"),
        (None, "short", "WEAK_PASSWORD", "newPassword"),
        (None, "password123", "WEAK_PASSWORD", "newPassword"),
        (None, "x" * 201, "TOO_LONG", "newPassword"),
        ("not the password", "short", "INVALID_CREDENTIALS", "currentPassword"),
    ],
)
async def test_what_is_wrong_changes_nothing(
    ada: Somebody, current: str | None, new: str, code: str, field: str
) -> None:
    given = {"currentPassword": ada.password if current is None else current, "newPassword": new}
    assert await ada.problem(CHANGE, given) == (code, ["input", field])
    assert await ada.may_log_in()


async def test_a_password_like_ones_address_is_refused(ada: Somebody) -> None:
    given = {"currentPassword": ada.password, "newPassword": f"{ada.email.partition('@')[0]}!"}
    assert await ada.problem(CHANGE, given) == ("WEAK_PASSWORD", ["input", "newPassword"])


# By a letter


async def test_a_letter_brings_another_password_and_ends_every_session(ada: Somebody) -> None:
    token = await asked_for(ada)
    [letter] = letters(ada.school, ada.email)
    assert letter["Subject"] == "Another password"
    assert letter["From"] == "StudyGraph <no-reply@localhost>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert await reset(ada.school, token) == {"data": {"resetPassword": DONE}}
    assert not await ada.is_in()
    assert await ada.refresh_problem() == "INVALID_TOKEN"
    assert await replace(ada, password=ANOTHER).may_log_in()
    assert not await ada.may_log_in()


async def test_the_letter_is_the_owners_alone(ada: Somebody) -> None:
    await asked_for(ada)
    for path in Path(ada.school.settings.data_dir, "mail").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert Path(ada.school.settings.data_dir, "mail").stat().st_mode & 0o077 == 0


async def test_a_token_works_once(ada: Somebody) -> None:
    token = await asked_for(ada)
    await reset(ada.school, token)
    assert only_problem(await reset(ada.school, token, "another one entirely")) == ("INVALID_TOKEN", ["input", "token"])


async def test_with_the_password_changed_older_letters_are_worth_nothing(ada: Somebody) -> None:
    first, second = await asked_for(ada), await asked_for(ada)
    assert await reset(ada.school, second) == {"data": {"resetPassword": DONE}}
    assert only_problem(await reset(ada.school, first)) == ("INVALID_TOKEN", ["input", "token"])


async def test_of_many_at_once_one_password_is_the_new_one(ada: Somebody) -> None:
    token = await asked_for(ada)
    new = [f"{number} partridges in pear trees" for number in range(3)]
    answers = await asyncio.gather(*(reset(ada.school, token, each) for each in new))
    [winner] = [at for at, each in enumerate(answers) if each["data"]["resetPassword"]["changed"]]
    assert [await replace(ada, password=each).may_log_in() for each in new] == [at == winner for at in range(3)]


async def test_a_weak_password_does_not_use_the_token_up(ada: Somebody) -> None:
    token = await asked_for(ada)
    assert only_problem(await reset(ada.school, token, "short")) == ("WEAK_PASSWORD", ["input", "newPassword"])
    assert await reset(ada.school, token) == {"data": {"resetPassword": DONE}}


async def test_an_old_letter_has_expired(ada: Somebody) -> None:
    [(stored,)] = await rows(ada.school, "select password_hash from users where id = $1", ada.user_id)
    old = ada.school.services.tokens.reset(ada.user_id, stored, datetime.now(UTC) - timedelta(minutes=61)).text
    assert only_problem(await reset(ada.school, old)) == ("EXPIRED", ["input", "token"])


@pytest.mark.parametrize("kind", ["access", "refresh", "nonsense", "huge"])
async def test_no_other_token_is_taken(ada: Somebody, kind: str) -> None:
    token = {"access": ada.access, "refresh": ada.refresh, "nonsense": "a.b.c", "huge": "x" * 100_000}[kind]
    assert only_problem(await reset(ada.school, token)) == ("INVALID_TOKEN", ["input", "token"])


async def test_nobody_is_told_whether_there_is_an_account(ada: Somebody) -> None:
    """Threat 33: the same bytes after the same work, and a letter to those alone who have an account."""
    known, unknown = ada.email, f"not.{ada.email}"
    answers = [
        await ada.school.post(ASK, {"input": {"email": each}}, x_studygraph_ledger="1") for each in (known, unknown)
    ]
    ledgers = [answer.json()["extensions"].pop("ledger") for answer in answers]
    assert answers[0].json()["data"] == answers[1].json()["data"]
    assert [{store: each["calls"] for store, each in ledger.items()} for ledger in ledgers] == [
        {"postgresql": 1, "redis": 2}
    ] * 2
    plain = [await ada.school.post(ASK, {"input": {"email": each}}) for each in (known, unknown)]
    assert plain[0].content == plain[1].content
    await jobs_done(ada.school)
    assert len(letters(ada.school, known)) == 2
    assert letters(ada.school, unknown) == []


async def test_nor_by_the_time_that_it_takes(ada: Somebody) -> None:
    """Threat 33: asking for a letter does nothing by itself."""

    async def taken(address: str) -> float:
        started = perf_counter()
        await ada.school.post(ASK, {"input": {"email": address}})
        return perf_counter() - started

    known, unknown = [], []
    for _ in range(15):
        known.append(await taken(ada.email))
        unknown.append(await taken(f"not.{ada.email}"))
    assert abs(median(known) - median(unknown)) < max(0.015, 0.25 * median(known))


@pytest.mark.parametrize(("address", "code"), [("x", "INVALID_EMAIL"), ("a" * 300 + "@demo.school", "TOO_LONG")])
async def test_what_is_no_address_is_told_so(changing_school: RunningSchool, address: str, code: str) -> None:
    answer = (await changing_school.post(ASK, {"input": {"email": address}})).json()
    assert only_problem(answer) == (code, ["input", "email"])


# How it is kept


async def test_a_hash_of_weaker_parameters_is_made_anew_at_the_next_log_in(ada: Somebody) -> None:
    """Threat 35."""
    weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(ada.password)
    await rows(ada.school, "update users set password_hash = $2 where id = $1 returning id", ada.user_id, weaker)
    assert await ada.may_log_in()
    [(stored,)] = await rows(ada.school, "select password_hash from users where id = $1", ada.user_id)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await ada.may_log_in()
    assert await rows(ada.school, "select password_hash from users where id = $1", ada.user_id) == [(stored,)]


async def test_hashing_does_not_hold_up_the_event_loop() -> None:
    passwords = Passwords()
    try:
        turns, work = 0, asyncio.gather(*(passwords.hash(ANOTHER) for _ in range(4)))
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 100
    finally:
        passwords.close()


async def test_whoever_changes_the_password_while_somebody_logs_in_with_the_old_one_wins(
    ada: Somebody, coming: Coming
) -> None:
    """A log-in that was checked against the old password opens nothing after the new one is there."""
    change = ada.ask(CHANGE, {"currentPassword": ada.password, "newPassword": ANOTHER})
    log_ins = [ada.school.post(LOG_IN, {"input": {"email": ada.email, "password": ada.password}}) for _ in range(6)]
    answers = await asyncio.gather(change, *log_ins)
    assert answers[0].json()["data"]["changePassword"] == DONE
    for answer in answers[1:]:
        opened = answer.json()["data"]["logIn"]["accessToken"]
        if opened is not None:
            assert not await replace(ada, access=opened).is_in()
