"""Are fields nested at most 10 deep, through fragments too, and do looks at the schema have 20 levels of their own?"""

from __future__ import annotations

import pytest
from graphql import get_introspection_query

from tests.limits.judging import codes, limits, measures, refusals, sentence


def nested(levels: int) -> str:
    """Fields within fields."""
    return "{ a " * levels + "}" * levels


def test_ten_levels_are_taken_and_eleven_are_not() -> None:
    assert codes(nested(10)) == set()
    assert codes(nested(11)) == {"DEPTH_LIMIT"}
    assert sentence(nested(11)) == "Fields are nested at most 10 deep."


@pytest.mark.parametrize(
    "document",
    [
        "{ ...A } fragment A on Q { a { a { a { a { a { ...B } } } } } } "
        "fragment B on Q { a { a { a { a { a { a } } } } } }",
        "{ ... { a { ... on Q { a { a { a { a { a { a { a { a { a { a } } } } } } } } } } } } }",
        "query A { a } query B " + nested(11),
        "{ a } fragment Unused on Q " + nested(11),
    ],
)
def test_depth_is_found_in_fragments_and_in_the_other_operation(document: str) -> None:
    assert codes(document) == {"DEPTH_LIMIT"}


def test_a_fragment_adds_no_level() -> None:
    chain = " ".join(f"fragment F{number} on Q {{ ... {{ ...F{number + 1} }} }}" for number in range(100))
    assert measures("{ ...F0 } " + chain + " fragment F100 on Q { a { a } }").sizes[0][1].depth == 2


def test_the_standard_introspection_query_is_fifteen_deep_and_taken() -> None:
    size = measures(get_introspection_query()).sizes[0][1]
    assert (size.depth, size.introspection_depth) == (1, 15)
    assert codes(get_introspection_query()) == set()


def test_looks_at_the_schema_nest_twenty_deep_and_no_deeper() -> None:
    def look(levels: int) -> str:
        return '{ __type(name: "A") ' + "{ ofType " * (levels - 1) + "}" * (levels - 1) + " }"

    assert codes(look(20)) == set()
    (error,) = refusals(look(21))
    assert error["extensions"]["code"] == "DEPTH_LIMIT"
    assert error["message"] == "Fields below `__schema` and `__type` are nested at most 20 deep."


def test_each_operation_that_is_too_deep_is_told() -> None:
    assert len(refusals("query A " + nested(12) + " query B " + nested(12) + " query C { a }")) == 2
    assert limits().depth == 10
