"""Who may come, as whom, and what is refused before anything is written? (threats 35 and 37)"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any, Final

import pytest

from tests.accounts.somebody import PASSWORD, REGISTER, WHO, Coming, Somebody, only_problem, rows
from tests.running_school import RunningSchool

ADDRESS: Final = "somebody.new@demo.school"
INVISIBLE: Final = ["\u202e", "\u200b", "\u2066", "\x07", "\x1b", "\x7f", "\u0085", "\u2028", "\ufeff", "\ud7ff\ue000"]


async def registered(school: RunningSchool, **given: Any) -> Any:
    response = await school.post(REGISTER, {"input": {"email": ADDRESS, "password": PASSWORD, **given}})
    return response.json()


async def refused(school: RunningSchool, **given: Any) -> tuple[str, list[str]]:
    """The one problem of an input, of which nothing was written."""
    before = await rows(school, "select count(*) from users")
    problem = only_problem(await registered(school, **given))
    assert await rows(school, "select count(*) from users") == before
    return problem


async def test_whoever_comes_is_a_student_and_logged_in(changing_school: RunningSchool, coming: Coming) -> None:
    ada = await coming(name="Ada Lovelace")
    assert await ada.done(WHO) == {
        "id": (await ada.done("{ viewer { id } }"))["id"],
        "email": ada.email,
        "name": "Ada Lovelace",
        "role": "STUDENT",
    }
    [(role, active, stored)] = await rows(
        changing_school, "select role, is_active, password_hash from users where id = $1", ada.user_id
    )
    assert (role, active) == ("student", True)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await ada.may_log_in()


async def test_without_a_name_one_is_called_as_before_the_at(coming: Coming) -> None:
    ada = await coming()
    assert (await ada.done(WHO))["name"] == ada.email.partition("@")[0]


@pytest.mark.parametrize("field", ["role", "id", "isActive", "createdAt", "passwordHash", "plan"])
async def test_nobody_says_what_else_they_are(changing_school: RunningSchool, field: str) -> None:
    """Threat 37: mass assignment."""
    before = await rows(changing_school, "select count(*) from users")
    answer = await registered(changing_school, **{field: "ADMIN"})
    assert [each["extensions"]["code"] for each in answer["errors"]] == ["BAD_USER_INPUT"]
    assert "data" not in answer
    assert await rows(changing_school, "select count(*) from users") == before


async def test_an_address_is_somebodys_once_however_it_is_written(
    coming: Coming, changing_school: RunningSchool
) -> None:
    ada = await coming()
    local, _, domain = ada.email.partition("@")
    for same in (ada.email, ada.email.upper(), f"{local}@\uff44\uff45\uff4d\uff4f.school", f"{local}@{domain}."):
        problem = await refused(changing_school, email=same)
        assert problem in [("EMAIL_TAKEN", ["input", "email"]), ("INVALID_EMAIL", ["input", "email"])], same
    assert await refused(changing_school, email=ada.email.upper()) == ("EMAIL_TAKEN", ["input", "email"])
    wide = f"{local}@\uff44\uff45\uff4d\uff4f.school"
    assert await refused(changing_school, email=wide) == ("EMAIL_TAKEN", ["input", "email"])


async def test_of_two_who_come_at_once_with_one_address_one_is_in(changing_school: RunningSchool) -> None:
    email = "two.at.once@demo.school"
    answers = await asyncio.gather(*(registered(changing_school, email=email) for _ in range(3)))
    errors = [answer["data"]["register"]["errors"] for answer in answers]
    assert sorted(len(each) for each in errors) == [0, 1, 1]
    assert {each["code"] for of_one in errors for each in of_one} == {"EMAIL_TAKEN"}
    assert await rows(changing_school, "select count(*) from users where email = $1", email) == [(1,)]


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b@c.school",
        "st\u0430dent@demo.school",  # a Cyrillic letter
        "\uff53tudent@demo.school",
        "a\r\nBcc: x@demo.school",
        "a b@demo.school",
        '"quoted"@demo.school',
        "a@[127.0.0.1]",
        "<a@demo.school>",
        "a\u200b@demo.school",
        "a@-demo.school",
        "a@demo",
    ],
)
async def test_what_is_no_address_is_refused(changing_school: RunningSchool, email: str) -> None:
    assert await refused(changing_school, email=email) == ("INVALID_EMAIL", ["input", "email"])


async def test_a_host_that_looks_like_another_is_stored_as_dns_has_it(coming: Coming) -> None:
    ada = await coming(email="ada@d\u0435mo.school")  # a Cyrillic letter
    assert ada.email == "ada@xn--dmo-rdd.school"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"email": "a" * 250 + "@demo.school"}, "email"),
        ({"password": "x7" * 101}, "password"),
        ({"name": "n" * 101}, "name"),
        ({"name": "n" * 50_000}, "name"),
    ],
)
async def test_what_is_too_long_is_refused(changing_school: RunningSchool, given: Any, field: str) -> None:
    assert await refused(changing_school, **given) == ("TOO_LONG", ["input", field])


async def test_a_password_of_200_kb_costs_nothing(changing_school: RunningSchool) -> None:
    """Threat 35: no hash is made of what is too long."""
    started = perf_counter()
    assert await refused(changing_school, password="y8" * 100_000) == ("TOO_LONG", ["input", "password"])
    assert perf_counter() - started < 1.5


@pytest.mark.parametrize("character", INVISIBLE)
async def test_a_name_holds_nothing_that_hides_or_turns_round(changing_school: RunningSchool, character: str) -> None:
    assert await refused(changing_school, name=f"Ada{character}Lovelace") == ("INVALID_TEXT", ["input", "name"])


@pytest.mark.parametrize(
    ("given", "stored"), [("  Ada   King ", "Ada King"), ("Zoe\u0308", "Zo\u00eb"), ("", None), ("  ", None)]
)
async def test_a_name_has_one_spelling(
    given: str, stored: str | None, coming: Coming, changing_school: RunningSchool
) -> None:
    ada = await coming(name=given)
    assert await rows(changing_school, "select name from users where id = $1", ada.user_id) == [(stored,)]


async def test_letters_that_scripts_join_are_names(coming: Coming) -> None:
    name = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert (await (await coming(name=name)).done(WHO))["name"] == name


@pytest.mark.parametrize(
    "password",
    [
        "",
        "ninechars",
        "password123",
        "P@ssw0rd2026!",
        "1234567890",
        "0000000000000",
        "qwertyuiop",
        "aaaaaaaaaaaaaaaa",
        "Summer2026!!",
        "iloveyou!!!!",
        "letmeinletmein",
        "somebody.new1",
        "SOMEBODYNEW99",
        "wen.ydobemos",
        "somebody.new@demo.school",
    ],
)
async def test_a_password_that_anybody_would_guess_is_refused(changing_school: RunningSchool, password: str) -> None:
    assert await refused(changing_school, password=password) == ("WEAK_PASSWORD", ["input", "password"])


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "Tr0ub4dor&3zz", "\u7530\u4e2d" * 8, "x" * 3 + "fjordbank vex"]
)
async def test_any_other_is_taken(coming: Coming, password: str) -> None:
    ada = await coming(password=password)
    assert await ada.may_log_in()


async def test_a_password_is_the_same_on_every_keyboard(coming: Coming) -> None:
    ada = await coming(password="caf\u00e9 au lait froid")
    other = Somebody(ada.school, ada.email, "cafe\u0301 au lait froid")
    assert await other.may_log_in()


async def test_everything_that_is_wrong_is_said_at_once(changing_school: RunningSchool) -> None:
    answer = await registered(changing_school, email="x", password="short", name="\x07")
    assert [(each["code"], each["path"]) for each in answer["data"]["register"]["errors"]] == [
        ("INVALID_EMAIL", ["input", "email"]),
        ("WEAK_PASSWORD", ["input", "password"]),
        ("INVALID_TEXT", ["input", "name"]),
    ]


async def test_two_people_with_one_password_have_two_hashes(coming: Coming, changing_school: RunningSchool) -> None:
    """Threat 35: a salt of its own for each."""
    pair = [(await coming()).user_id for _ in range(2)]
    found = await rows(changing_school, "select password_hash from users where id = any($1::uuid[])", pair)
    assert len(set(found)) == 2
