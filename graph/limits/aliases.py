"""How many aliases may an operation have? 15, those of a fragment as often as it is spread."""

from __future__ import annotations

from graphql import GraphQLError

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def too_many_aliases(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The operations that have more."""
    return [
        GraphQLError(f"An operation has at most {limits.aliases} aliases.", node)
        for node, size in measures.sizes
        if size.aliases > limits.aliases
    ]
