"""Are variables at most 50, of 20,000 values and 15 levels?"""

from __future__ import annotations

from typing import Any

from graphql import OperationDefinitionNode, parse

from graph.limits.guard import Judged
from tests.limits.judging import codes, limits, measures, sentence

DOCUMENT = "query ($v: V) { a(v: $v) }"


def refused(variables: dict[str, Any], **changed: int) -> list[str]:
    """The sentences with which variables are refused."""
    (operation,) = parse(DOCUMENT).definitions
    assert isinstance(operation, OperationDefinitionNode)
    found = Judged(measures(DOCUMENT)).refused_values(operation, variables, limits(**changed))
    assert {error["extensions"]["code"] for error in found} <= {"VARIABLE_LIMIT"}
    return [error["message"] for error in found]


def nested(levels: int) -> Any:
    """Lists within lists."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_fifty_variables_are_declared_and_no_more() -> None:
    def declared(count: int) -> str:
        return "query (" + " ".join(f"$v{number}: Int" for number in range(count)) + ") { a }"

    assert codes(declared(50)) == set()
    assert codes(declared(51)) == {"VARIABLE_LIMIT"}
    assert sentence(declared(51)) == "An operation takes at most 50 variables."


def test_fifty_variables_are_sent_and_no_more_declared_or_not() -> None:
    assert refused({f"v{number}": 1 for number in range(50)}) == []
    assert refused({f"v{number}": 1 for number in range(51)}) == ["An operation takes at most 50 variables."]


def test_twenty_thousand_values_are_taken_and_no_more() -> None:
    # The variable itself, 199 lists and what they hold.
    whole = [[0] * 100 for _ in range(197)]
    assert refused({"v": [*whole, [0] * 101]}) == []
    assert refused({"v": [*whole, [0] * 102]}) == ["Variables hold at most 20,000 values."]


def test_fifteen_levels_are_taken_and_no_more() -> None:
    assert refused({"v": nested(15)}) == []
    assert refused({"v": nested(16)}) == ["Variables are nested at most 15 deep."]
    assert refused({"v": {"a": nested(15)}}) == ["Variables are nested at most 15 deep."]
