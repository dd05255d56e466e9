"""Threats 8 and 9: the schema, asked for or guessed. In production nobody but administrators learns it from us."""

from __future__ import annotations

import pytest
from graphql import get_introspection_query

from tests.corpus.served import NOBODY
from tests.limits.attacking import MOST_SECONDS, attacked, production

LOOKS = {
    "whole": get_introspection_query(),
    "one type": '{ __type(name: "User") { name } }',
    "as federation": "{ _service { sdl } }",
    "in a fragment": "{ ...F } fragment F on Query { ... { s: __schema { types { name } } } }",
}


@pytest.mark.parametrize("viewer", [NOBODY, "student", "teacher"])
@pytest.mark.parametrize("look", LOOKS)
async def test_08_introspection_in_production(look: str, viewer: str) -> None:
    found = await attacked(LOOKS[look], viewer=viewer, by=production())
    assert found.codes <= {"INTROSPECTION_DISABLED", "UNAUTHENTICATED"}
    assert found.codes
    assert "data" not in found.body
    if viewer != NOBODY:
        assert found.codes == {"INTROSPECTION_DISABLED"}


async def test_08_administrators_look_in_production_and_everyone_in_development() -> None:
    for by in (production(), None):
        found = await attacked(get_introspection_query(), viewer="admin", by=by)
        assert found.codes == set()
        assert found.body["data"]["__schema"]["queryType"] == {"kind": "OBJECT", "name": "Query"}


@pytest.mark.parametrize("levels", [20, 21, 60])
async def test_08_looks_nest_twenty_deep(levels: int) -> None:
    look = '{ __type(name: "User") ' + "{ ofType " * (levels - 2) + "{ name }" + " }" * (levels - 2) + " }"
    found = await attacked(look, viewer="admin")
    assert found.codes == (set() if levels == 20 else {"DEPTH_LIMIT"})
    assert found.seconds < MOST_SECONDS


GUESSES = {
    "a field": ("{ viewer { nam } }", {}),
    "an argument": ("{ classrooms(fist: 1) { totalCount } }", {}),
    "a type": ("{ node(id: 1) { ... on Usr { id } } }", {}),
    "a directive": ("{ viewer { id @skp(if: true) } }", {}),
    "a variable's type": ("query ($f: ClassroomFiltr) { classrooms(filter: $f) { totalCount } }", {}),
    "an enum value": ("{ classrooms(orderBy: [{ field: NAM }]) { totalCount } }", {}),
    "an input field": ("{ classrooms(filter: { nam: { eq: 1 } }) { totalCount } }", {}),
    "a root field": ("{ classrom { id } }", {}),
    "a selection": ("{ viewer }", {}),
    "an enum value in a variable": (
        "query ($o: [ClassroomOrder!]) { classrooms(orderBy: $o) { totalCount } }",
        {"o": [{"field": "NAM"}]},
    ),
    "an input field in a variable": (
        "query ($f: ClassroomFilter) { classrooms(filter: $f) { totalCount } }",
        {"f": {"nam": {}}},
    ),
}


@pytest.mark.parametrize("guess", GUESSES)
async def test_09_a_guess_gets_no_suggestion_in_production(guess: str) -> None:
    document, variables = GUESSES[guess]
    found = await attacked(document, variables, by=production())
    assert found.codes <= {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}
    assert found.messages
    assert not [message for message in found.messages if "did you mean" in message.lower()]


# graphql-core has none for directives.
@pytest.mark.parametrize("guess", [guess for guess in GUESSES if guess != "a directive"])
async def test_09_a_developer_is_helped(guess: str) -> None:
    document, variables = GUESSES[guess]
    found = await attacked(document, variables)
    assert [message for message in found.messages if "Did you mean" in message]
