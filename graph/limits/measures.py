"""How large is a document? Measured once, each fragment once however often it is spread, judged by the other files.

Nothing here looks at the schema, so that what is far too large is refused before validation, which takes longer the
larger a document is. The work grows with the document's text, never with what its fragments unfold to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

_INTROSPECTION: Final = frozenset({"__schema", "__type"})


@dataclass(slots=True)
class Size:
    """What a selection unfolds to: levels, levels from introspection on, and how many of each thing."""

    depth: int = 0
    introspection_depth: int = 0
    fields: int = 0
    aliases: int = 0
    selections: int = 0

    def spread(self, other: Size) -> None:
        """Add a fragment's size to that of the selection where it stands."""
        self.depth = max(self.depth, other.depth)
        self.introspection_depth = max(self.introspection_depth, other.introspection_depth)
        self.fields += other.fields
        self.aliases += other.aliases
        self.selections += other.selections


@dataclass(frozen=True, slots=True)
class GivenList:
    """A list that is written in the document, and the argument or input field that takes it."""

    name: str
    length: int
    node: ListValueNode


@dataclass(slots=True)
class Measures:
    """What one document holds."""

    tokens: int
    operations: dict[str | None, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]
    # Of each operation, and of each fragment that none of them reaches.
    sizes: list[tuple[Node, Size]] = field(default_factory=list)
    # The first fragment that leads back to itself, with the way there.
    cycle: tuple[FragmentDefinitionNode, tuple[str, ...]] | None = None
    # The place with the most directives.
    directives: tuple[int, Node | None] = (0, None)
    lists: list[GivenList] = field(default_factory=list)
    # Which arguments and input fields take a variable as it is.
    uses: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def measured(document: DocumentNode) -> Measures:
    """The measures of a document that was parsed. Where fragments go in circles there are no sizes."""
    operations: dict[str | None, OperationDefinitionNode] = {}
    fragments: dict[str, FragmentDefinitionNode] = {}
    definitions: list[OperationDefinitionNode | FragmentDefinitionNode] = []
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            definitions.append(each)
            # The second one of a name is refused by validation; until then it counts as any other.
            name = each.name.value if each.name else None
            operations[name if name not in operations else f"{name} {len(operations)}"] = each
        elif isinstance(each, FragmentDefinitionNode):
            definitions.append(each)
            fragments.setdefault(each.name.value, each)
    measures = Measures(document.token_count, operations, fragments)
    reader = _Reader(measures)
    for definition in definitions:
        reader.definition(definition)
    order = _innermost_first(measures, reader.spreads)
    if order is not None:
        _unfold(measures, reader.spreads, order)
    return measures


class _Reader:
    """Reads the text once: values, directives, and who spreads whom."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self.spreads: dict[int, list[str]] = {}
        self._here: list[str] = []

    def definition(self, node: OperationDefinitionNode | FragmentDefinitionNode) -> None:
        self._here = self.spreads[id(node)] = []
        self._directives(node)
        for variable in (node.variable_definitions or ()) if isinstance(node, OperationDefinitionNode) else ():
            self._directives(variable)
            if variable.default_value is not None:
                self._value(variable.default_value, variable.variable.name.value)
        self._selections(node.selection_set)

    def _selections(self, selections: SelectionSetNode) -> None:
        for each in selections.selections:
            if each.directives:
                self._directives(each)
            if isinstance(each, FieldNode):
                for argument in each.arguments or ():
                    self._value(argument.value, argument.name.value)
                if each.selection_set is not None:
                    self._selections(each.selection_set)
            elif isinstance(each, InlineFragmentNode):
                self._selections(each.selection_set)
            elif isinstance(each, FragmentSpreadNode):
                self._here.append(each.name.value)

    def _directives(self, node: Any) -> None:
        directives = node.directives or ()
        if len(directives) > self._measures.directives[0]:
            self._measures.directives = (len(directives), node)
        for each in directives:
            for argument in each.arguments or ():
                self._value(argument.value, argument.name.value)

    def _value(self, node: Any, name: str) -> None:
        if isinstance(node, VariableNode):
            self._measures.uses[node.name.value].add(name)
        elif isinstance(node, ListValueNode):
            self._measures.lists.append(GivenList(name, len(node.values), node))
            for each in node.values:
                self._value(each, name)
        elif isinstance(node, ObjectValueNode):
            for part in node.fields:
                self._value(part.value, part.name.value)


def _innermost_first(measures: Measures, spreads: Mapping[int, list[str]]) -> list[str] | None:
    """The fragments, each after those that it spreads; None where one leads back to itself."""
    fragments = measures.fragments
    order: list[str] = []
    done: set[str] = set()
    for start in fragments:
        if start in done:
            continue
        way = {start: iter(spreads[id(fragments[start])])}
        while way:
            here = next(reversed(way))
            below = next(way[here], None)
            if below is None:
                way.popitem()
                done.add(here)
                order.append(here)
            elif below in way:
                names = list(way)
                measures.cycle = (fragments[below], tuple(names[names.index(below) + 1 :]))
                return None
            elif below in fragments and below not in done:
                way[below] = iter(spreads[id(fragments[below])])
    return order


def _unfold(measures: Measures, spreads: Mapping[int, list[str]], order: list[str]) -> None:
    known: dict[str, Size] = {}
    for name in order:
        known[name] = _size(measures.fragments[name].selection_set, known)
    reached: set[str] = set()
    waiting = [name for each in measures.operations.values() for name in spreads[id(each)]]
    measures.sizes = [(each, _size(each.selection_set, known)) for each in measures.operations.values()]
    # Innermost last, so that a chain that nothing reaches counts once and not with each of its links.
    for outer in [None, *reversed(order)]:
        if outer is not None and outer in reached:
            continue
        if outer is not None:
            measures.sizes.append((measures.fragments[outer], known[outer]))
            waiting = [outer]
        while waiting:
            name = waiting.pop()
            if name not in reached and name in measures.fragments:
                reached.add(name)
                waiting += spreads[id(measures.fragments[name])]


def _size(selections: SelectionSetNode, known: Mapping[str, Size]) -> Size:
    size = Size()
    for each in selections.selections:
        size.selections += 1
        if isinstance(each, FieldNode):
            size.fields += 1
            size.aliases += each.alias is not None
            below = Size() if each.selection_set is None else _size(each.selection_set, known)
            size.aliases += below.aliases
            size.selections += below.selections
            if each.name.value in _INTROSPECTION:
                size.depth = max(size.depth, 1)
                size.introspection_depth = max(size.introspection_depth, 1 + below.depth)
            else:
                size.depth = max(size.depth, 1 + below.depth)
                size.introspection_depth = max(size.introspection_depth, below.introspection_depth)
        elif isinstance(each, InlineFragmentNode):
            size.spread(_size(each.selection_set, known))
        elif isinstance(each, FragmentSpreadNode) and each.name.value in known:
            size.spread(known[each.name.value])
    return size
