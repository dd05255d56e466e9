"""Who may look at the schema? In development everyone, in production administrators."""

from __future__ import annotations

from typing import Any

from graphql import DocumentNode, FieldNode, GraphQLError, Visitor, visit


class _Introspection(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[FieldNode] = []

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.name.value in ("__schema", "__type"):
            self.found.append(node)


def introspection(document: DocumentNode) -> list[GraphQLError]:
    """The fields that look at the schema."""
    seen = _Introspection()
    visit(document, seen)
    return [GraphQLError("The schema is not shown in production.", node) for node in seen.found]
