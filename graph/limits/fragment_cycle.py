"""May a fragment lead back to itself? No: it would unfold for ever."""

from __future__ import annotations

from graphql import GraphQLError

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def fragment_cycle(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The first fragment that does, used or not."""
    if measures.cycle is None:
        return []
    node, way = measures.cycle
    via = f" via {', '.join(repr(name) for name in way)}" if way else ""
    return [GraphQLError(f"Cannot spread fragment '{node.name.value}' within itself{via}.", node)]
