"""What do all transports ask of the graph? One answer, or answers one by one; whoever listens is known."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal, Protocol

from graph.errors import RequestError
from graph.http.envelope import Envelope
from resolvers.deadline import Gone
from resolvers.operation import Viewer

Kind = Literal["query", "mutation", "subscription", "incremental"]
"""What an operation is; `incremental` is a query that defers or streams parts of its answer."""


class Answered(Protocol):
    """What the graph answers. `executed` is False where it was refused before; `cursor` is where a stream goes on."""

    body: dict[str, Any]
    status: int
    executed: bool
    cursor: str | None


class Operations(Protocol):
    """The graph, as transports see it."""

    async def answer(
        self,
        envelope: Envelope,
        *,
        authorization: str | None,
        wants_ledger: bool = False,
        explain: str | None = None,
        reads_only: bool = False,
        user_agent: str | None = None,
        peer: str | None = None,
        gone: Gone | None = None,
    ) -> Answered:
        """One operation. `gone` returns once nobody waits for the answer. Never raises."""

    def stream(
        self,
        envelope: Envelope,
        *,
        authorization: str | None,
        wants_ledger: bool = False,
        explain: str | None = None,
        reads_only: bool = False,
        user_agent: str | None = None,
        peer: str | None = None,
        after: str | None = None,
        in_parts: bool = False,
    ) -> AsyncGenerator[Answered, None]:
        """The answers to any operation, one by one. Never raises."""

    async def kind(self, envelope: Envelope) -> Kind:
        """What an operation is; a query where that cannot be said, since it will be refused in words."""

    async def viewer(self, authorization: str | None) -> Viewer | None:
        """Whose session it is, None without a token. Raises Unauthenticated, StoreUnavailable."""

    def seconds_left(self, authorization: str | None) -> float | None:
        """For how long a token is still taken, None without one. Raises Unauthenticated."""


def slow_consumer() -> RequestError:
    """What is said, and logged, of a client that does not read."""
    return RequestError("SLOW_CONSUMER", "This client does not read what it asked for.")
