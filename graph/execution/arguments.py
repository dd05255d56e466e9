"""What does a field ask with? Argument values from the document and the variables, as Strawberry hands them over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLSchema, VariableNode, Visitor, visit
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.found = True


class Arguments:
    """The arguments of one field of the document. Those without variables are worked out once."""

    def __init__(
        self,
        schema: GraphQLSchema,
        definition: GraphQLField,
        node: FieldNode,
        request: Callable[..., Any] | None = None,
        included: Sequence[Arguments] | None = None,
    ) -> None:
        """`request` turns them into an edge's request; `included` are those of the field that the edge includes."""
        self._definition = definition
        self._node = node
        self._field: StrawberryField = definition.extensions["strawberry-definition"]
        strawberry = schema.extensions["strawberry-definition"]
        self._config = strawberry.config
        self._scalars = strawberry.schema_converter.scalar_registry
        self._request = request
        self._included = included
        visitor = _Variables()
        for argument in node.arguments or ():
            visit(argument, visitor)
        self.constant: bool = not visitor.found and all(each.constant for each in included or ())
        self._kept: tuple[Any, ...] | None = None

    def given(self, variables: VariableValues) -> dict[str, Any]:
        """The arguments that were given, by their Python names. Raises GraphQLError."""
        values = get_argument_values(self._definition, self._node, variables)
        return convert_arguments(values, self._field.arguments, self._scalars, self._config)

    def requests(self, variables: VariableValues) -> tuple[Any, ...]:
        """What a batch function takes after the parents. Raises whatever refuses the arguments."""
        if self._kept is not None:
            return self._kept
        made: tuple[Any, ...] = () if self._request is None else (self._request(**self.given(variables)),)
        if self._included is not None:
            below = dict.fromkeys(each.requests(variables)[0] for each in self._included)
            made = (*made, tuple(below))
        if self.constant:
            self._kept = made
        return made
