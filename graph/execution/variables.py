"""What do an operation's variables become? graphql-core's coercion, with a short way for plain scalars, which most are.

The short way knows ID, String, Int and Boolean, and values that already are what they have to become. Everything else
(lists, input objects, other scalars, null, and whatever is wrong) goes graphql-core's way, errors included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    get_nullable_type,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

_LARGEST_INT: Final = 2_147_483_647


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_int(value: Any) -> bool:
    return type(value) is int and -_LARGEST_INT - 1 <= value <= _LARGEST_INT


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


_PLAIN: Final[dict[Any, Callable[[Any], bool]]] = {
    GraphQLID: _is_text,
    GraphQLString: _is_text,
    GraphQLInt: _is_int,
    GraphQLBoolean: _is_boolean,
}


class Variables:
    """Those of one operation of a document."""

    __slots__ = ("_nodes", "_plain", "_schema")

    def __init__(self, schema: GraphQLSchema, definition: OperationDefinitionNode) -> None:
        self._schema = schema
        self._nodes = definition.variable_definitions or ()
        # Name, what the value must be, its source where it is not given, and its default; None: there is no short way.
        self._plain: list[tuple[str, Callable[[Any], bool], VariableValueSource, Any]] | None = []
        for node in self._nodes:
            signature = get_variable_signature(schema, node)
            holds = None if isinstance(signature, GraphQLError) else _PLAIN.get(get_nullable_type(signature.type))
            if holds is None or isinstance(signature, GraphQLError):
                self._plain = None
                break
            default: Any = Undefined
            if node.default_value is not None:
                alone = get_variable_values(schema, [node], {})
                if isinstance(alone, VariableValues):
                    default = alone.coerced[signature.name]
            self._plain.append((signature.name, holds, VariableValueSource(signature), default))

    def values(self, given: Mapping[str, Any], *, most_errors: int, hide_suggestions: bool) -> Any:
        """The coerced variables; a list of GraphQLErrors where a value is wrong."""
        short = None if self._plain is None else self._short(self._plain, given)
        if short is not None:
            return short
        return get_variable_values(
            self._schema, self._nodes, dict(given), max_errors=most_errors, hide_suggestions=hide_suggestions
        )

    @staticmethod
    def _short(
        plain: list[tuple[str, Callable[[Any], bool], VariableValueSource, Any]], given: Mapping[str, Any]
    ) -> VariableValues | None:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for name, holds, absent, default in plain:
            value = given.get(name, Undefined)
            if value is Undefined:
                # Without a default graphql-core knows whether that is allowed.
                if default is Undefined:
                    return None
                sources[name] = absent
                coerced[name] = default
            elif holds(value):
                sources[name] = VariableValueSource(absent.signature, value)
                coerced[name] = value
            else:
                return None
        return VariableValues(sources, coerced)
