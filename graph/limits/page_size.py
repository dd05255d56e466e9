"""How large may a page be? 1 to 100, judged by the variables' actual values before anything is executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, GraphQLError, IntValueNode, ValueNode, VariableNode

from graph.limits.bounds import Limits
from graph.limits.demands import Demands
from resolvers.errors import PageSize
from resolvers.paging import page_size


def oversized_pages(demands: Demands, variables: Mapping[str, Any], limits: Limits) -> list[GraphQLError]:
    """The fields whose page is outside the bounds. `variables` are coerced: defaults are in them."""
    return [refusal for node in demands.pages if (refusal := _refused(node, variables, limits)) is not None]


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
