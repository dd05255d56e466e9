"""How many fields may an operation ask of its root? 20: each of them is work of its own."""

from __future__ import annotations

from graphql import GraphQLError, OperationDefinitionNode

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def too_many_root_fields(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The operations that ask for more."""
    return [
        GraphQLError(f"An operation asks for at most {limits.root_fields} root fields.", node)
        for node, size in measures.sizes
        if size.fields > limits.root_fields and isinstance(node, OperationDefinitionNode)
    ]
