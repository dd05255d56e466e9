"""Does the short way for plain variables end where graphql-core's does, values, sources and errors?"""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse
from graphql.execution.values import VariableValues, get_variable_values

from graph.execution.variables import Variables

SCHEMA = build_schema("""
  enum Order { UP DOWN }
  input Range { from: Int! to: Int }
  type Query { all(id: ID, text: String, number: Int, flag: Boolean, order: Order, range: Range, ids: [ID!]): Int }
""")
DECLARED = (
    "$id: ID!",
    "$id: ID",
    '$id: ID = "a"',
    "$id: String!",
    '$id: String! = "a"',
    "$id: String = null",
    "$id: Int!",
    "$id: Int = 20",
    "$id: Boolean!",
    "$id: Boolean = false",
    "$id: Order = UP",
    "$id: Range",
    "$id: [ID!]",
    "$id: Nothing",
    "$id: ID!, $more: Int! = 5",
)
GIVEN: tuple[dict[str, Any], ...] = (
    {},
    *(
        {"id": value}
        for value in (
            None,
            "text",
            "",
            "UP",
            0,
            7,
            -2_147_483_648,
            2_147_483_648,
            1.0,
            1.5,
            True,
            False,
            ["a"],
            {"from": 1},
            {"from": "x"},
        )
    ),
    {"id": "text", "other": 1},
    {"id": "text", "more": 6},
    {"id": "text", "more": None},
)


def told(values: VariableValues) -> dict[str, tuple[str, str, str, Any]]:
    """Where each value is from. Types and defaults are made anew each time, and equal only themselves."""
    return {
        name: (each.signature.name, str(each.signature.type), repr(each.signature.default)[:20], each.value)
        for name, each in values.sources.items()
    }


@pytest.mark.parametrize("declared", DECLARED)
def test_whatever_is_given_becomes_what_graphql_core_makes_of_it(declared: str) -> None:
    definition = parse(f"query ({declared}) {{ all }}").definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    variables = Variables(SCHEMA, definition)
    for given in GIVEN:
        expected: Any = get_variable_values(SCHEMA, definition.variable_definitions or (), given, max_errors=20)
        found = variables.values(given, most_errors=20, hide_suggestions=False)
        if isinstance(expected, list):
            assert [error.formatted for error in found] == [error.formatted for error in expected], given
        else:
            assert (found.coerced, told(found)) == (expected.coerced, told(expected)), given
            assert [type(value) for value in found.coerced.values()] == [*map(type, expected.coerced.values())], given
