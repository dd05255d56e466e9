"""How many operations may a document hold? 5: one is run, and the others are read and validated with it."""

from __future__ import annotations

from graphql import GraphQLError

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def too_many_operations(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The first operation that is one too many."""
    beyond = list(measures.operations.values())[limits.operations : limits.operations + 1]
    return [GraphQLError(f"A document holds at most {limits.operations} operations.", node) for node in beyond]
