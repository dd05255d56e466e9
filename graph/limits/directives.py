"""How many directives may stand at one place? 20."""

from __future__ import annotations

from graphql import GraphQLError

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def too_many_directives(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The place with the most directives, if they are too many."""
    most, node = measures.directives
    if most <= limits.directives:
        return []
    return [GraphQLError(f"At most {limits.directives} directives stand at one place.", node)]
