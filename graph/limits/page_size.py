"""How large may a page be? 1 to 100, judged by the variables' actual values before anything is executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graphql import FieldNode, GraphQLError, IntValueNode, ValueNode, VariableNode

from graph.limits.bounds import Limits
from graph.limits.demands import Demands
from resolvers.errors import PageSize
from resolvers.paging import page_size

# Sizes for which the verdict on an operation is kept.
MOST_KEPT: Final = 64


def oversized_pages(demands: Demands, variables: Mapping[str, Any], limits: Limits) -> list[GraphQLError]:
    """The fields whose page is outside the bounds. `variables` are coerced: defaults are in them."""
    if not demands.pages:
        return []
    sizes = (limits.page, *map(variables.get, demands.sizes))
    known = demands.judged.get(sizes)
    if known is None:
        known = [refusal for node in demands.pages if (refusal := _refused(node, variables, limits)) is not None]
        if len(demands.judged) >= MOST_KEPT:
            demands.judged.clear()
        demands.judged[sizes] = known
    return known


def _refused(node: FieldNode, variables: Mapping[str, Any], limits: Limits) -> GraphQLError | None:
    sizes = {each.name.value: _size(each.value, variables) for each in node.arguments or ()}
    try:
        size = page_size(sizes.get("first"), sizes.get("last"))
    except PageSize as refusal:
        return GraphQLError(refusal.message, node)
    # What everybody gets who names no size is nobody's fault.
    if size > limits.page and (sizes.get("first") or sizes.get("last")):
        return GraphQLError(f"A page holds at most {limits.page} records.", node)
    return None


def _size(value: ValueNode, variables: Mapping[str, Any]) -> int | None:
    if isinstance(value, IntValueNode):
        return int(value.value)
    given = variables.get(value.name.value) if isinstance(value, VariableNode) else None
    return given if isinstance(given, int) else None
