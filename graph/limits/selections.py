"""How much may an operation unfold to? 500 fields and fragments, each as often as it is spread."""

from __future__ import annotations

from graphql import GraphQLError

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def too_many_selections(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The operations that unfold to more, and the fragments that none of them reaches."""
    return [
        GraphQLError(f"An operation unfolds to at most {limits.selections} fields and fragments.", node)
        for node, size in measures.sizes
        if size.selections > limits.selections
    ]
