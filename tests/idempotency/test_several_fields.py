"""Of several root fields with keys, what is done and what is told again?"""

from __future__ import annotations

import json
from typing import Any, Final

from tests.accounts.somebody import Somebody, rows
from tests.idempotency.asking import ANOTHER, code_of, footprint, kept, replayed

TWO: Final = """
mutation Two($first: UpdateProfileInput!, $second: UpdatePreferencesInput!) {
  first: updateProfile(input: $first) { user { name } errors { code } }
  __typename
  second: updatePreferences(input: $second) { preferences { theme } errors { code } }
}
"""


async def two(person: Somebody, first: dict[str, Any], second: dict[str, Any]) -> Any:
    """Two changes in one operation."""
    given = {"first": first, "second": second}
    return await person.school.post(TWO, given, authorization=f"Bearer {person.access}")


async def test_each_field_has_its_key(ada: Somebody) -> None:
    first, second = {"name": "Ada", "idempotencyKey": "1"}, {"theme": "DARK", "idempotencyKey": "2"}
    expected = (
        '{"first": {"user": {"name": "Ada"}, "errors": []}, "__typename": "Mutation", '
        '"second": {"preferences": {"theme": "DARK"}, "errors": []}}'
    )
    for names in ([], ["first", "second"]):
        answer = await two(ada, first, second)
        assert (data_of_two(answer), replayed(answer)) == (expected, names)


def data_of_two(response: Any) -> str:
    """The data of both, to the letter."""
    assert "errors" not in response.json(), response.json()
    return json.dumps(response.json()["data"])


async def test_of_an_operation_that_was_half_done_only_the_rest_is_done(ada: Somebody) -> None:
    first, second = {"name": "Ada", "idempotencyKey": "1"}, {"theme": "DARK", "idempotencyKey": "2"}
    await two(ada, first, second)
    await rows(ada.school, "delete from idempotency_keys where user_id = $1 and key = '2' returning 1", ada.user_id)
    sql = "select u.xmin::text, p.xmin::text from users u join user_preferences p on p.user_id = u.id where u.id = $1"
    before = (await rows(ada.school, sql, ada.user_id))[0]
    answer = await two(ada, first, second)
    assert replayed(answer) == ["first"]
    assert list(answer.json()["data"]) == ["first", "__typename", "second"]
    after = (await rows(ada.school, sql, ada.user_id))[0]
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


async def test_all_fields_have_a_key_or_none_and_each_another_one(ada: Somebody) -> None:
    before = await footprint(ada)
    own = "The fields of an operation do different things: each has an idempotencyKey of its own."
    none = "Of the fields of an operation all have an idempotencyKey or none: those without would be done again."
    for one, other, sentence in (("1", "1", own), ("1", None, none), (None, "1", none)):
        first, second = {"name": "Ada", "idempotencyKey": one}, {"theme": "DARK", "idempotencyKey": other}
        refused = await two(ada, first, second)
        assert code_of(refused) == (200, "BAD_USER_INPUT")
        assert refused.json()["errors"][0]["message"] == sentence
    beside = """
    mutation ($in: UpdateProfileInput!, $to: RequestPasswordResetInput!) {
      updateProfile(input: $in) { errors { code } } requestPasswordReset(input: $to) { requested }
    }
    """
    given = {"in": {"name": "Ada", "idempotencyKey": "1"}, "to": {"email": ada.email}}
    mixed = await ada.school.post(beside, given, authorization=f"Bearer {ada.access}")
    assert code_of(mixed) == (200, "BAD_USER_INPUT")
    assert await footprint(ada) == before


async def test_of_three_what_follows_a_failure_is_not_done_and_what_came_before_is_kept(ada: Somebody) -> None:
    query = """
    mutation ($a: UpdateProfileInput!, $b: ChangePasswordInput!) {
      a: updateProfile(input: $a) { user { name } errors { code } }
      b: changePassword(input: $b) { changed errors { code } }
    }
    """
    wrong = {"currentPassword": "not the one", "newPassword": ANOTHER, "idempotencyKey": "b"}
    given = {"a": {"name": "Ada", "idempotencyKey": "a"}, "b": wrong}
    for names in ([], ["a"]):
        answer = await ada.school.post(query, given, authorization=f"Bearer {ada.access}")
        assert replayed(answer) == names
        assert answer.json()["data"]["a"] == {"user": {"name": "Ada"}, "errors": []}
        assert answer.json()["data"]["b"] == {"changed": None, "errors": [{"code": "INVALID_CREDENTIALS"}]}
    assert set(await kept(ada)) == {"a"}
