"""Which fields does a selection ask of one concrete type? Fragments merged, @skip and @include decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    SelectionSetNode,
    VariableNode,
    Visitor,
    is_abstract_type,
    visit,
)

Fragments = Mapping[str, FragmentDefinitionNode]
Switches = Mapping[str, bool | None]


class Unplannable(Exception):
    """The compiler leaves this operation to graphql-core; the message is the reason that is counted."""


def fields_of(
    schema: GraphQLSchema,
    fragments: Fragments,
    switches: Switches,
    kind: GraphQLObjectType,
    selections: Sequence[SelectionSetNode],
) -> dict[str, list[FieldNode]]:
    """The fields by response key, in the order of the answer; nodes of one key are merged."""
    found: dict[str, list[FieldNode]] = {}
    seen: set[str] = set()
    for selection in selections:
        _collect(schema, fragments, switches, kind, selection, found, seen)
    return found


def _collect(
    schema: GraphQLSchema,
    fragments: Fragments,
    switches: Switches,
    kind: GraphQLObjectType,
    selections: SelectionSetNode,
    found: dict[str, list[FieldNode]],
    seen: set[str],
) -> None:
    for selection in selections.selections:
        if not _kept(selection.directives or (), switches):
            continue
        if isinstance(selection, FieldNode):
            key = selection.alias.value if selection.alias else selection.name.value
            found.setdefault(key, []).append(selection)
        elif isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition.name.value if selection.type_condition else None
            if condition is None or _applies(schema, condition, kind):
                _collect(schema, fragments, switches, kind, selection.selection_set, found, seen)
        elif isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            if name in seen:
                continue
            seen.add(name)
            fragment = fragments[name]
            if _applies(schema, fragment.type_condition.name.value, kind):
                _collect(schema, fragments, switches, kind, fragment.selection_set, found, seen)


def _applies(schema: GraphQLSchema, condition: str, kind: GraphQLObjectType) -> bool:
    if condition == kind.name:
        return True
    named: Any = schema.get_type(condition)
    return is_abstract_type(named) and _is_possible(schema, named, kind)


def _is_possible(schema: GraphQLSchema, abstract: GraphQLAbstractType, kind: GraphQLObjectType) -> bool:
    return schema.is_sub_type(abstract, kind)


def _kept(directives: Sequence[DirectiveNode], switches: Switches) -> bool:
    named = {each.name.value: each for each in directives}
    for name in ("defer", "stream"):
        if name in named:
            raise Unplannable(f"@{name}")
    # In this order, as graphql-core: whether the other one is looked at decides whether its null is an error.
    if "skip" in named and _switch(named["skip"], switches):
        return False
    return "include" not in named or _switch(named["include"], switches)


def _switch(directive: DirectiveNode, switches: Switches) -> bool:
    value = next(each.value for each in directive.arguments or () if each.name.value == "if")
    if isinstance(value, BooleanValueNode):
        return value.value
    assert isinstance(value, VariableNode)
    given = switches[value.name.value]
    if given is None:
        # A variable with a default may be null at run time, which fails the selection around it.
        raise Unplannable("null in @skip or @include")
    return given


class _SwitchVariables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in ("skip", "include"):
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.names[argument.value.name.value] = None


def switch_variables(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The variables that @skip and @include look at anywhere in these nodes."""
    visitor = _SwitchVariables()
    for node in nodes:
        visit(node, visitor)
    return tuple(visitor.names)
