"""How does a validated operation become a plan? Selections merged per concrete type, types turned into completers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.values import VariableValues

from graph.execution.arguments import Arguments
from graph.execution.completion import AbstractCompleter, Completer, LeafCompleter, ListCompleter, ObjectCompleter
from graph.execution.edge import Edge, Root, spec_of
from graph.execution.places import Places
from graph.execution.plan import FieldPlan, ObjectPlan
from graph.execution.run import Run
from graph.execution.selections import Fragments, Switches, Unplannable, fields_of
from graph.types.node import Node, concern_of
from resolvers.operation import Operation

# Fragments within fragments multiply: beyond this graphql-core does what the data, not the document, ask for.
MOST_FIELDS: Final = 2_000


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """A compiled operation."""

    root: ObjectPlan
    serially: bool
    # How many fields it has, on all concrete types.
    fields: int

    async def execute(self, operation: Operation, variables: VariableValues, event: Any = None) -> ExecutionResult:
        """Run it, for a subscription on one event of its source; errors are in the result, never raised."""
        run = Run(operation, variables, event)
        done = await self.root.run_root(run, Places(), serially=self.serially)
        data = done.values[0]
        if done.failed:
            run.errors.append(data.error)
            data = None
        return ExecutionResult(data, run.errors or None)


def compiled(
    schema: GraphQLSchema,
    definition: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    switches: Switches,
) -> OperationPlan:
    """The plan of an operation, for one setting of its @skip and @include variables. Raises Unplannable."""
    root = schema.get_root_type(definition.operation)
    assert root is not None
    compiler = _Compiler(schema, fragments, switches)
    plan = compiler.object_plan(root, [definition.selection_set])
    return OperationPlan(plan, serially=definition.operation is OperationType.MUTATION, fields=compiler.fields)


class _Compiler:
    def __init__(self, schema: GraphQLSchema, fragments: Fragments, switches: Switches) -> None:
        self.schema = schema
        self.fragments = fragments
        self.switches = switches
        self.fields = 0

    def object_plan(self, kind: GraphQLObjectType, selections: list[SelectionSetNode]) -> ObjectPlan:
        found = fields_of(self.schema, self.fragments, self.switches, kind, selections)
        fields = {
            key: self.field_plan(kind, key, nodes)
            for key, nodes in found.items()
            if nodes[0].name.value != "__typename"
        }
        return ObjectPlan(kind, list(found), fields, concern_of(kind))

    def field_plan(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> FieldPlan:
        name = nodes[0].name.value
        if name in ("__schema", "__type"):
            raise Unplannable("introspection")
        self.fields += 1
        if self.fields > MOST_FIELDS:
            raise Unplannable(f"more than {MOST_FIELDS:,} fields")
        definition = parent.fields[name]
        field: Any = definition.extensions.get("strawberry-definition")
        spec = spec_of(field) if field is not None else None
        if spec is None:
            raise Unplannable(f"{parent.name}.{name} is Strawberry's own")
        arguments = None
        if isinstance(spec, Root):
            arguments = Arguments(self.schema, definition, nodes[0])
        elif isinstance(spec, Edge) and (spec.request is not None or spec.includes is not None):
            included = None if spec.includes is None else self.included(definition, nodes, spec.includes)
            arguments = Arguments(self.schema, definition, nodes[0], spec.request, included)
        completer = self.completer(definition.type, nodes)
        return FieldPlan(key, nodes, parent, field.python_name, spec, arguments, completer)

    def included(self, definition: GraphQLField, nodes: list[FieldNode], name: str) -> list[Arguments]:
        """The arguments of every field `name` that is selected right below this one."""
        kind: Any = definition.type.of_type if is_non_null_type(definition.type) else definition.type
        if not is_object_type(kind):
            return []
        below = kind.fields[name]
        spec = spec_of(below.extensions["strawberry-definition"])
        assert isinstance(spec, Edge)
        found = fields_of(self.schema, self.fragments, self.switches, kind, _below(nodes))
        return [
            Arguments(self.schema, below, each[0], spec.request)
            for each in found.values()
            if each[0].name.value == name
        ]

    def completer(self, kind: Any, nodes: list[FieldNode], *, nullable: bool = True) -> Completer:
        if is_non_null_type(kind):
            return self.completer(kind.of_type, nodes, nullable=False)
        if is_list_type(kind):
            return ListCompleter(self.completer(kind.of_type, nodes), nullable=nullable)
        if is_leaf_type(kind):
            return LeafCompleter(kind, nullable=nullable)
        if is_abstract_type(kind):
            members = [
                (record, ObjectCompleter(self.object_plan(member, _below(nodes)), record, nullable=True))
                for member in self.schema.get_possible_types(kind)
                for record in [_record(member)]
                if record is not None
            ]
            return AbstractCompleter(kind, members, nullable=nullable)
        assert is_object_type(kind)
        return ObjectCompleter(self.object_plan(kind, _below(nodes)), _record(kind), nullable=nullable)


def _below(nodes: list[FieldNode]) -> list[SelectionSetNode]:
    return [node.selection_set for node in nodes if node.selection_set is not None]


def _record(kind: GraphQLObjectType) -> type[Any] | None:
    """The record that stands for this type; None for types that no interface has to tell apart."""
    origin = kind.extensions["strawberry-definition"].origin
    return origin.record if issubclass(origin, Node) else None
