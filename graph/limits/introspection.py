"""Who may look at the schema? In development everyone, in production administrators."""

from __future__ import annotations

from graphql import GraphQLError

from graph.limits.demands import Demands


def introspection(demands: Demands) -> list[GraphQLError]:
    """The fields that look at the schema."""
    return [GraphQLError("The schema is not shown in production.", node) for node in demands.looks]
