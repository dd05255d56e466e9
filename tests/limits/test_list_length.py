"""Does a given list hold at most 250 items, but `events` 500 and an `embedding` 1,536?"""

from __future__ import annotations

import pytest
from graphql import OperationDefinitionNode, parse

from graph.limits.guard import Judged
from tests.limits.judging import codes, limits, measures, sentence

LONGEST = {"ids": 250, "events": 500, "embedding": 1_536}


@pytest.mark.parametrize(("name", "most"), LONGEST.items())
def test_a_list_in_the_document(name: str, most: int) -> None:
    assert codes(f"{{ a({name}: [{'1 ' * most}]) }}") == set()
    refused = f"{{ a({name}: [{'1 ' * (most + 1)}]) }}"
    assert codes(refused, tokens=5_000) == {"LIST_TOO_LONG"}
    assert sentence(refused, tokens=5_000) == f"`{name}` holds {most + 1:,} items; at most {most:,} are taken."


def test_a_list_within_an_input_goes_by_the_input_field_that_takes_it() -> None:
    assert codes(f"{{ a(input: {{ events: [{'1 ' * 500}] }}) }}") == set()
    assert codes(f"{{ a(events: {{ in: [{'1 ' * 251}] }}) }}") == {"LIST_TOO_LONG"}
    assert codes(f"query ($ids: [ID!] = [{'1 ' * 251}]) {{ a(ids: $ids) }}") == {"LIST_TOO_LONG"}


def values(document: str, variables: dict[str, object]) -> list[str]:
    """What is said of the variables of a document."""
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    found = Judged(measures(document)).refused_values(operation, variables, limits())
    return [f"{error['extensions']['code']}: {error['message']}" for error in found]


@pytest.mark.parametrize(("name", "most"), LONGEST.items())
def test_a_variable_goes_by_the_argument_that_takes_it(name: str, most: int) -> None:
    document = f"query ($v: [Int!]!) {{ a({name}: $v) }}"
    assert values(document, {"v": [1] * most}) == []
    assert values(document, {"v": [1] * (most + 1)}) == [
        f"LIST_TOO_LONG: `{name}` holds {most + 1:,} items; at most {most:,} are taken."
    ]


def test_a_list_within_a_variable_goes_by_its_input_field() -> None:
    document = "mutation ($input: I!) { a(input: $input) }"
    assert values(document, {"input": {"events": [{}] * 500}}) == []
    assert values(document, {"input": {"events": [{"in": [1] * 251}]}}) == [
        "LIST_TOO_LONG: `in` holds 251 items; at most 250 are taken."
    ]


def test_a_variable_that_is_nowhere_taken_as_it_is_goes_by_its_own_name() -> None:
    assert values("query ($v: [Int!]) { a }", {"v": [1] * 251}) == [
        "LIST_TOO_LONG: `v` holds 251 items; at most 250 are taken."
    ]
