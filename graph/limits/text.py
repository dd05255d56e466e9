"""Which texts are taken? All but those with U+0000: PostgreSQL stores none, so none of ours could ever match."""

from __future__ import annotations

from typing import Any, Final

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, StringValueNode, Visitor, visit

from graph.limits.values import Held

_NUL: Final = "\x00"


class _Literals(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.refused: list[GraphQLError] = []

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if _NUL in node.value:
            self.refused.append(GraphQLError("A text cannot hold the character U+0000.", node))


def nul_literals(document: DocumentNode) -> list[GraphQLError]:
    """The texts in a document that hold U+0000."""
    literals = _Literals()
    visit(document, literals)
    return literals.refused


def nul_variables(operation: OperationDefinitionNode, held: Held) -> list[GraphQLError]:
    """The variables of an operation, as they were sent, in which some text holds U+0000."""
    return [
        GraphQLError(f"Variable '${name}' holds a text with the character U+0000.", definition)
        for definition in operation.variable_definitions or ()
        for name in [definition.variable.name.value]
        if name in held.nul
    ]
