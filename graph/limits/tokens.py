"""How long may a document be? 2,000 tokens: the parser counts them, and stops there.

Characters that make no token (spaces, commas, comments) are bounded by the size of a request's body.
"""

from __future__ import annotations

from graphql import GraphQLError

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def too_many_tokens(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """A document that the parser took, for a role that may send less."""
    if measures.tokens <= limits.tokens:
        return []
    return [GraphQLError(f"A document holds at most {limits.tokens:,} tokens.")]
