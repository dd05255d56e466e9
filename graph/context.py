"""What do resolvers find beside their parent? The operation, its loaders of edges, and the process's plans."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resolvers.operation import Operation

if TYPE_CHECKING:
    from graph.execution.documents import Documents
    from graph.execution.plans import Plans


@dataclass(slots=True)
class Context:
    """The context value of one GraphQL operation."""

    operation: Operation
    request_id: str
    # Those of the process, for who comes through the Strawberry schema; without plans graphql-core runs everything.
    documents: Documents | None = None
    plans: Plans | None = None
    # graphql-core only: the loader of each document path.
    edge_loaders: dict[tuple[str, ...], Any] = field(default_factory=dict)
    # Streams only: the cursor that a client brought back by other means than the document.
    after: str | None = None

    def again(self) -> Context:
        """For the next event of a stream: the same viewer, and nothing of what was read."""
        return Context(self.operation.again(), self.request_id, self.documents, self.plans)
