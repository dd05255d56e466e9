"""How many items may a list hold that is given? 250; `events` 500, an `embedding` 1,536.

A list is known by the argument or input field that takes it, be it written in the document or in a variable.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from graphql import GraphQLError, OperationDefinitionNode

from graph.limits.bounds import Limits
from graph.limits.measures import Measures
from graph.limits.values import Held


def long_literals(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The lists in a document that are too long."""
    return [
        GraphQLError(_sentence(each.name, each.length, most), each.node)
        for each in measures.lists
        if each.length > (most := longest(each.name, limits))
    ]


def long_variables(
    operation: OperationDefinitionNode, held: Held, uses: Mapping[str, Set[str]], limits: Limits
) -> list[GraphQLError]:
    """The variables in which a list is too long."""
    definitions = {each.variable.name.value: each for each in operation.variable_definitions or ()}
    refused: list[GraphQLError] = []
    for variable, name, length in held.lists:
        # The whole value of a variable goes by the names of the arguments that take it.
        names = [name] if name else sorted(uses.get(variable, ())) or [variable]
        for each in names:
            if length > (most := longest(each, limits)):
                refused.append(GraphQLError(_sentence(each, length, most), definitions.get(variable)))
                break
    return refused


def longest(name: str, limits: Limits) -> int:
    """How many items the argument or input field of this name takes."""
    return {"events": limits.events, "embedding": limits.embedding}.get(name, limits.list)


def _sentence(name: str, length: int, most: int) -> str:
    return f"`{name}` holds {length:,} items; at most {most:,} are taken."
