"""Does text of SQL in a filter, an order, a cursor or an id stay text? (Threat 28.)"""

from __future__ import annotations

from time import monotonic

import pytest

from tests.running_school import RunningSchool

FILTERED = """
query ($text: String!) {
  contains: classrooms(filter: { name: { contains: $text } }) { totalCount nodes { name } }
  eq: classrooms(filter: { subject: { eq: $text } }) { totalCount nodes { name } }
  in: classrooms(filter: { or: [{ name: { in: [$text] } }, { subject: { contains: $text } }] }) { totalCount }
}
"""
NAPS = [
    "' or pg_sleep(30)::text = '",
    "'; select pg_sleep(30); --",
    "x') or 1=1; drop table users cascade; --",
    "%' union select password_hash from users --",
    "\\'; select pg_sleep(30) --",
    "$1 or pg_sleep(30) is null",
]


@pytest.mark.parametrize("text", NAPS)
async def test_sql_in_a_filter_is_text_that_matches_nothing_and_takes_no_time(school: RunningSchool, text: str) -> None:
    began = monotonic()
    answer = await school.ask(FILTERED, {"text": text})
    assert monotonic() - began < 15
    none = {"totalCount": 0, "nodes": []}
    assert answer["data"] == {"contains": none, "eq": none, "in": {"totalCount": 0}}
    assert "errors" not in answer


@pytest.mark.parametrize("wildcard", ["%", "_", "Plant%", "Plant_Biology"])
async def test_a_wildcard_of_sql_is_a_letter(school: RunningSchool, wildcard: str) -> None:
    answer = await school.ask(FILTERED, {"text": wildcard})
    assert answer["data"]["contains"]["totalCount"] == 0


@pytest.mark.parametrize("text", NAPS[:2])
async def test_an_order_is_one_of_the_enum_and_a_cursor_one_of_ours(school: RunningSchool, text: str) -> None:
    order = "query ($field: ClassroomOrderField!) { classrooms(orderBy: [{ field: $field }]) { totalCount } }"
    refused = await school.post(order, {"field": text}, "teacher", accept="application/graphql-response+json")
    assert refused.status_code == 400
    assert [error["extensions"]["code"] for error in refused.json()["errors"]] == ["BAD_USER_INPUT"]
    cursor = "query ($after: String) { classrooms(after: $after) { totalCount } }"
    forged = await school.ask(cursor, {"after": text})
    assert [error["extensions"]["code"] for error in forged["errors"]] == ["BAD_CURSOR"]
    by_id = await school.ask("query ($id: ID!) { classroom(id: $id) { name } }", {"id": text})
    assert [error["extensions"]["code"] for error in by_id["errors"]] == ["NOT_FOUND"]
