"""Is the character U+0000 found in texts, wherever they stand?"""

from __future__ import annotations

import pytest
from graphql import OperationDefinitionNode, parse

from graph.limits.text import nul_literals, nul_variables
from graph.limits.values import held


@pytest.mark.parametrize("text", ['"a\\u0000"', '{ b: ["\\u0000"] }', '"""\x00"""'])
def test_it_is_found_in_a_document(text: str) -> None:
    (error,) = nul_literals(parse(f"{{ a(v: {text}) }}"))
    assert error.message == "A text cannot hold the character U+0000."


def test_a_document_without_it_is_fine() -> None:
    assert nul_literals(parse('{ a(v: "\\u0001 u0000 \\\\u0000") }')) == []


@pytest.mark.parametrize("value", ["\x00", ["a", "b\x00"], {"a": {"b": ["\x00"]}}, {"a": "\x00", "b": ["x"]}])
def test_it_is_found_in_a_variable(value: object) -> None:
    (operation,) = parse("query ($a: A, $b: B) { x }").definitions
    assert isinstance(operation, OperationDefinitionNode)
    (error,) = nul_variables(operation, held({"a": "fine", "b": value}))
    assert error.message == "Variable '$b' holds a text with the character U+0000."
