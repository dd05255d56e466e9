"""How much may an operation cost? 20,000, priced by `@cost` and `@listSize` before anything is executed."""

from __future__ import annotations

from graphql import GraphQLError, OperationDefinitionNode

from graph.execution.prices import Price
from graph.limits.bounds import Limits


def too_costly(price: Price, operation: OperationDefinitionNode, limits: Limits) -> list[GraphQLError]:
    """The operation, if it would cost more."""
    if price.requested <= limits.cost:
        return []
    sentence = f"This operation would cost {price.requested:,}; at most {limits.cost:,} is taken."
    return [GraphQLError(sentence, operation)]
