"""How large may a page be? 1 to 100, judged by the variables' actual values before anything is executed."""

from __future__ import annotations

from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    IntValueNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

from resolvers.errors import PageSize
from resolvers.paging import page_size


class _Pages(Visitor):
    def __init__(self, variables: dict[str, Any]) -> None:
        super().__init__()
        self.variables = variables
        self.refused: list[GraphQLError] = []

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        arguments = {each.name.value: each.value for each in node.arguments or ()}
        sizes = {name: self._size(arguments[name]) for name in ("first", "last") if name in arguments}
        if not sizes:
            return
        try:
            page_size(sizes.get("first"), sizes.get("last"))
        except PageSize as refusal:
            self.refused.append(GraphQLError(refusal.message, node))

    def _size(self, value: Any) -> int | None:
        if isinstance(value, IntValueNode):
            return int(value.value)
        if isinstance(value, VariableNode):
            given = self.variables.get(value.name.value)
            return given if isinstance(given, int) else None
        return None


def oversized_pages(
    document: DocumentNode, operation: OperationDefinitionNode, variables: dict[str, Any]
) -> list[GraphQLError]:
    """The fields of the operation, and of the document's fragments, whose page is outside the bounds.

    `variables` are coerced: defaults are in them."""
    pages = _Pages(variables)
    visit(operation, pages)
    for each in document.definitions:
        if each.kind == "fragment_definition":
            visit(each, pages)
    return pages.refused
