"""How deep may a document nest? 10 levels of fields; what looks at the schema has 20 of its own."""

from __future__ import annotations

from graphql import GraphQLError

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def too_deep(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The operations, and the fragments that none of them reaches, that nest too deep."""
    return [
        GraphQLError(f"Fields are nested at most {limits.depth} deep.", node)
        for node, size in measures.sizes
        if size.depth > limits.depth
    ] + [
        GraphQLError(
            f"Fields below `__schema` and `__type` are nested at most {limits.introspection_depth} deep.", node
        )
        for node, size in measures.sizes
        if size.introspection_depth > limits.introspection_depth
    ]
