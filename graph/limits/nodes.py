"""How many records may all pages hold together? 10,000: a page within pages counts as often as there are records above.

Without it 141 bytes of nested pages, a hundred records each, filled a process with gigabytes.
"""

from __future__ import annotations

from graphql import GraphQLError, OperationDefinitionNode

from graph.execution.prices import Price
from graph.limits.bounds import Limits


def too_many_nodes(price: Price, operation: OperationDefinitionNode, limits: Limits) -> list[GraphQLError]:
    """The operation, if its pages multiply to more."""
    if price.nodes <= limits.nodes:
        return []
    sentence = f"The pages of this operation hold up to {price.nodes:,} records; at most {limits.nodes:,} are given."
    return [GraphQLError(sentence, operation)]
