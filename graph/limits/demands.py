"""Which fields of an operation have a limit of their own? Found once a document, judged at each request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

_SIZES: Final = frozenset({"first", "last"})
# Federation's `_service` is the whole schema too.
_LOOKS: Final = frozenset({"__schema", "__type", "_service"})


@dataclass(frozen=True, slots=True)
class Demands:
    """Fields of one operation and of the fragments that it uses, in the order of the document."""

    pages: tuple[FieldNode, ...]
    looks: tuple[FieldNode, ...]
    # The variables that say how large a page is, and what was said of their values; filled by `page_size.py`.
    sizes: tuple[str, ...]
    judged: dict[Any, list[GraphQLError]] = field(default_factory=dict, compare=False)


class _Collector(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.pages: list[FieldNode] = []
        self.looks: list[FieldNode] = []
        self.spreads: dict[str, None] = {}

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if _SIZES & {each.name.value for each in node.arguments or ()}:
            self.pages.append(node)
        if node.name.value in _LOOKS:
            self.looks.append(node)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.spreads[node.name.value] = None


def demands(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Demands:
    """The demands of a valid operation. A fragment counts once, however often it is spread."""
    found = _Collector()
    seen: set[str] = set()
    waiting: list[Node] = [operation]
    while waiting:
        visit(waiting.pop(0), found)
        fresh = [name for name in found.spreads if name not in seen]
        seen.update(fresh)
        waiting += [fragments[name] for name in fresh]
    sizes = {
        argument.value.name.value: None
        for page in found.pages
        for argument in page.arguments or ()
        if argument.name.value in _SIZES and isinstance(argument.value, VariableNode)
    }
    return Demands(tuple(found.pages), tuple(found.looks), tuple(sizes))
