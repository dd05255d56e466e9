"""Which requests does the document make of a field below this one? For edges whose store holds both.

A transcript and its segments are one document: the edge that reads the transcript asks here which slices of segments
the selection wants, so that one call brings both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode, SelectionSetNode
from graphql.execution.values import get_argument_values, get_directive_values
from graphql.type import GraphQLIncludeDirective, GraphQLObjectType, GraphQLSkipDirective, get_named_type
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from graph.execution.edge import Edge, spec_of


def included_requests(info: GraphQLResolveInfo[Any], name: str) -> tuple[Any, ...]:
    """The distinct requests that the selections below this field make of the field called `name`."""
    kind = get_named_type(info.return_type)
    if not isinstance(kind, GraphQLObjectType):
        return ()
    definition = kind.fields[name]
    field: StrawberryField = definition.extensions["strawberry-definition"]
    spec = spec_of(field)
    assert isinstance(spec, Edge)
    assert spec.request is not None
    requests: dict[Any, None] = {}
    for node in info.field_nodes:
        if node.selection_set is None:
            continue
        for below in _fields(info, node.selection_set):
            if below.name.value == name:
                given = get_argument_values(definition, below, info.variable_values)
                config = info.schema.extensions["strawberry-definition"].config
                registry = info.schema.extensions["strawberry-definition"].schema_converter.scalar_registry
                requests[spec.request(**convert_arguments(given, field.arguments, registry, config))] = None
    return tuple(requests)


def _fields(info: GraphQLResolveInfo[Any], selections: SelectionSetNode) -> Iterator[FieldNode]:
    for selection in selections.selections:
        if not _kept(info, selection):
            continue
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(info, selection.selection_set)
        elif isinstance(selection, FragmentSpreadNode):
            yield from _fields(info, info.fragments[selection.name.value].selection_set)


def _kept(info: GraphQLResolveInfo[Any], selection: Any) -> bool:
    skip = get_directive_values(GraphQLSkipDirective, selection, info.variable_values)
    if skip and skip["if"] is True:
        return False
    include = get_directive_values(GraphQLIncludeDirective, selection, info.variable_values)
    return not (include and include["if"] is False)
