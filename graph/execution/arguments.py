"""What does a field ask with? Argument values from the document and the variables, as Strawberry hands them over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    VariableNode,
    Visitor,
    get_nullable_type,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

_PLAIN: Final = (GraphQLID, GraphQLString, GraphQLInt, GraphQLBoolean)


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
        # Where every variable is the whole value of a plain scalar: the Python name of its argument and its own; and
        # what the other arguments are, worked out with the first request.
        self._plain = self._plain_variables()
        self._others: dict[str, Any] | None = None

    def _plain_variables(self) -> list[tuple[str, str]] | None:
        """None where a variable stands for more, or only for a part of an argument."""
        names = {self._config.name_converter.from_argument(each): each.python_name for each in self._field.arguments}
        plain = []
        for argument in self._node.arguments or ():
            visitor = _Variables()
            visit(argument, visitor)
            if not visitor.found:
                continue
            name = argument.name.value
            kind = get_nullable_type(self._definition.args[name].type)
            python_name = names[name]
            if not isinstance(argument.value, VariableNode) or kind not in _PLAIN or python_name is None:
                return None
            plain.append((python_name, argument.value.name.value))
        return plain

    def given(self, variables: VariableValues) -> dict[str, Any]:
        """The arguments that were given, by their Python names. Raises GraphQLError."""
        if self._plain is None:
            return self._converted(variables)
        coerced = variables.coerced
        plain = {python_name: coerced.get(variable) for python_name, variable in self._plain}
        if None in plain.values():  # null, or not given: whether that is allowed, and what it means, depends
            return self._converted(variables)
        if self._others is None:
            converted = self._converted(variables)
            self._others = {name: value for name, value in converted.items() if name not in plain}
            return converted
        return self._others | plain

    def _converted(self, variables: VariableValues) -> dict[str, Any]:
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
