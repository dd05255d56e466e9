"""What do resolvers find beside their parent? The operation, and this operation's loaders of edges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from resolvers.operation import Operation


@dataclass(slots=True)
class Context:
    """The context value of one GraphQL operation."""

    operation: Operation
    request_id: str
    # graphql-core only: the loader of each document path.
    edge_loaders: dict[tuple[str, ...], Any] = field(default_factory=dict)
