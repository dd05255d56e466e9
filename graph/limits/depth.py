"""How deep may a document nest? 50 levels of fields, each fragment measured once, however often it is spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

# Far above what a page asks for, far below what the interpreter's stack and the JSON writer (254) bear.
DEEPEST: Final = 50


def too_deep(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> GraphQLError | None:
    """The error of a valid operation that nests too deep."""
    try:
        depth = _Depth(fragments).of(operation.selection_set)
    except RecursionError:
        depth = DEEPEST + 1
    if depth <= DEEPEST:
        return None
    return GraphQLError(f"Fields are nested at most {DEEPEST} deep.", operation)


class _Depth:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._measured: dict[str, int] = {}

    def of(self, selections: SelectionSetNode | None) -> int:
        """Levels of fields below here."""
        deepest = 0
        for selection in selections.selections if selections is not None else ():
            if isinstance(selection, FieldNode):
                depth = 1 + self.of(selection.selection_set)
            elif isinstance(selection, InlineFragmentNode):
                depth = self.of(selection.selection_set)
            else:
                assert isinstance(selection, FragmentSpreadNode)
                depth = self._of_fragment(selection.name.value)
            deepest = max(deepest, depth)
        return deepest

    def _of_fragment(self, name: str) -> int:
        if name not in self._measured:
            self._measured[name] = self.of(self._fragments[name].selection_set)
        return self._measured[name]
