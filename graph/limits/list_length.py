"""How many ids may be asked for at once? At most 100, judged by the variables' actual values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graphql import ArgumentNode, GraphQLError, ListValueNode, VariableNode

from graph.limits.demands import Demands

LONGEST_LIST: Final = 100


def long_lists(demands: Demands, variables: Mapping[str, Any]) -> list[GraphQLError]:
    """The `ids` arguments that hold more than is taken. `variables` are coerced."""
    arguments = [each for node in demands.lists for each in node.arguments or () if each.name.value == "ids"]
    return [
        GraphQLError(f"`ids` holds {length:,} ids; at most {LONGEST_LIST} are taken.", argument)
        for argument in arguments
        if (length := _length(argument, variables)) > LONGEST_LIST
    ]


def _length(argument: ArgumentNode, variables: Mapping[str, Any]) -> int:
    if isinstance(argument.value, ListValueNode):
        return len(argument.value.values)
    given = variables.get(argument.value.name.value) if isinstance(argument.value, VariableNode) else None
    return len(given) if isinstance(given, list) else 1
