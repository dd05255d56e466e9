"""What may one say about oneself, and how does one like it? (threat 37)"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.accounts.somebody import ERRORS, Coming, Somebody, rows

UPDATE: Final = f"""
mutation ($input: UpdateProfileInput!) {{
    updateProfile(input: $input) {{ user {{ name avatarUrl profile {{ firstName lastName }} }} {ERRORS} }}
}}
"""
PREFER: Final = f"""
mutation ($input: UpdatePreferencesInput!) {{
    updatePreferences(input: $input) {{
        preferences {{ theme language notificationEmail notificationPush difficultyPreference }} {ERRORS}
    }}
}}
"""
MINE: Final = """
{ viewer {
    profile { firstName lastName }
    preferences { theme language notificationEmail notificationPush difficultyPreference }
    subscription { plan status startedAt renewsAt }
    enrollments { totalCount nodes { id } }
    activity { totalCount nodes { id } pageInfo { hasNextPage endCursor } }
} }
"""
DEFAULTS: Final = {
    "theme": "LIGHT",
    "language": "en",
    "notificationEmail": True,
    "notificationPush": True,
    "difficultyPreference": 3,
}


async def test_who_has_just_come_has_what_everyone_has(ada: Somebody) -> None:
    mine = await ada.done(MINE)
    assert mine.pop("subscription").pop("startedAt")
    assert mine == {
        "profile": {"firstName": None, "lastName": None},
        "preferences": DEFAULTS,
        "enrollments": {"totalCount": 0, "nodes": []},
        "activity": {"totalCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}},
    }


async def test_what_is_said_is_seen_at_once_and_later(ada: Somebody) -> None:
    given = {"name": "Ada", "firstName": "Ada", "lastName": "King", "avatarUrl": "https://pictures.school/ada.png"}
    expected = {
        "name": "Ada",
        "avatarUrl": "https://pictures.school/ada.png",
        "profile": {"firstName": "Ada", "lastName": "King"},
    }
    assert (await ada.done(UPDATE, given))["user"] == expected
    assert await ada.done("{ viewer { name avatarUrl profile { firstName lastName } } }") == expected


async def test_what_is_left_out_stays_and_null_takes_away(ada: Somebody) -> None:
    await ada.done(UPDATE, {"name": "Ada", "firstName": "Ada", "lastName": "King"})
    changed = (await ada.done(UPDATE, {"firstName": None, "name": None}))["user"]
    assert changed["profile"] == {"firstName": None, "lastName": "King"}
    assert changed["name"] == ada.email.partition("@")[0]
    assert (await ada.done(UPDATE, {}))["user"] == changed


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": "n" * 101}, "TOO_LONG", "name"),
        ({"firstName": "n" * 101}, "TOO_LONG", "firstName"),
        ({"lastName": "King\u202eadA"}, "INVALID_TEXT", "lastName"),
        ({"avatarUrl": "http://pictures.school/ada.png"}, "INVALID_URL", "avatarUrl"),
        ({"avatarUrl": "javascript:alert(1)"}, "INVALID_URL", "avatarUrl"),
        ({"avatarUrl": "https://user:secret@pictures.school/"}, "INVALID_URL", "avatarUrl"),
        ({"avatarUrl": "https://"}, "INVALID_URL", "avatarUrl"),
        ({"avatarUrl": "https://pictures.school:99999/"}, "INVALID_URL", "avatarUrl"),
        ({"avatarUrl": 'https://pictures.school/"onload="x'}, "INVALID_URL", "avatarUrl"),
        ({"avatarUrl": "https://pictures.school/\u0430da.png"}, "INVALID_URL", "avatarUrl"),
        ({"avatarUrl": "https://pictures.school/" + "a" * 500}, "TOO_LONG", "avatarUrl"),
        ({"name": "Good", "firstName": "\x07"}, "INVALID_TEXT", "firstName"),
    ],
)
async def test_nothing_is_written_where_anything_is_wrong(
    ada: Somebody, given: dict[str, Any], code: str, field: str
) -> None:
    assert await ada.problem(UPDATE, given) == (code, ["input", field])
    assert await rows(ada.school, "select name, avatar_url from users where id = $1", ada.user_id) == [(None, None)]
    assert await rows(ada.school, "select 1 from profiles where user_id = $1", ada.user_id) == []


@pytest.mark.parametrize("query", [UPDATE, PREFER])
@pytest.mark.parametrize("field", ["userId", "id", "role", "email", "user_id", "isActive"])
async def test_nobody_says_whose_it_is_or_what_they_are(ada: Somebody, query: str, field: str) -> None:
    """Threat 37."""
    answer = (await ada.ask(query, {field: "ADMIN"})).json()
    assert [each["extensions"]["code"] for each in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_preferences_change_one_by_one(ada: Somebody) -> None:
    assert (await ada.done(PREFER, {"theme": "DARK"}))["preferences"] == {**DEFAULTS, "theme": "DARK"}
    expected = {**DEFAULTS, "theme": "DARK", "language": "pt-BR", "notificationPush": False, "difficultyPreference": 5}
    given = {"language": "pt-BR", "notificationPush": False, "difficultyPreference": 5, "theme": None}
    assert (await ada.done(PREFER, given))["preferences"] == expected
    assert (await ada.done(PREFER, {}))["preferences"] == expected


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"difficultyPreference": 0}, "OUT_OF_RANGE", "difficultyPreference"),
        ({"difficultyPreference": 6}, "OUT_OF_RANGE", "difficultyPreference"),
        ({"language": "english"}, "INVALID_TEXT", "language"),
        ({"language": "e" * 5000}, "INVALID_TEXT", "language"),
        ({"language": ""}, "INVALID_TEXT", "language"),
    ],
)
async def test_preferences_that_nobody_can_have_are_refused(
    ada: Somebody, given: dict[str, Any], code: str, field: str
) -> None:
    assert await ada.problem(PREFER, {"theme": "DARK", **given}) == (code, ["input", field])
    assert await rows(ada.school, "select 1 from user_preferences where user_id = $1", ada.user_id) == []


async def test_what_was_written_in_one_request_is_read_by_the_next_field(ada: Somebody) -> None:
    """The first field's lease may still be open when the second one writes; what is read after that has it."""
    several = """
    mutation {
        a: updateProfile(input: { name: "First", firstName: "First" }) { user { name profile { firstName } } }
        b: updateProfile(input: { name: "Second", firstName: "Second" }) { user { name profile { firstName } } }
        c: updatePreferences(input: { theme: DARK }) { preferences { theme } }
        d: updatePreferences(input: { theme: SYSTEM }) { preferences { theme } }
    }
    """
    for _ in range(5):
        answer = (await ada.ask(several)).json()
        assert answer["data"] == {
            "a": {"user": {"name": "First", "profile": {"firstName": "First"}}},
            "b": {"user": {"name": "Second", "profile": {"firstName": "Second"}}},
            "c": {"preferences": {"theme": "DARK"}},
            "d": {"preferences": {"theme": "SYSTEM"}},
        }


async def test_nobody_else_sees_any_of_it(ada: Somebody, coming: Coming, admin: Somebody) -> None:
    await ada.done(UPDATE, {"firstName": "Ada"})
    id_ = (await ada.done("{ viewer { id } }"))["id"]
    query = '{ node(id: "ID") { ... on User { profile { firstName } } } }'.replace("ID", id_)
    answer = (await (await coming()).ask(query)).json()
    assert answer["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    assert await admin.done(query) == {"profile": {"firstName": "Ada"}}
