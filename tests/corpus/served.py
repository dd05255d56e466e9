"""What does the whole hot path answer from memory? `Graph` with the memory school in place of stores and sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from graph import app, errors
from graph.app import Answer, Graph
from graph.http.envelope import Envelope
from graph.settings import Settings
from resolvers.operation import Services, Viewer
from tests.corpus.generator import Case
from tests.corpus.memory_records import VIEWERS
from tests.corpus.memory_school import SERVICES, MemoryOperation

NOBODY: Final = "nobody"
# Random documents are larger than any that a page sends.
WIDE: Final[dict[str, Any]] = {
    f"limit_{name}": str(number)
    for name, number in {
        "depth": 50,
        "aliases": 500,
        "root_fields": 500,
        "selections": 100_000,
        "merges": 100_000,
        "nodes": 10**9 - 1,
        "cost": 10**9 - 1,
        "budget": 0,
    }.items()
}


class _Silent:
    """A log that nobody reads."""

    def info(self, event: str, **more: Any) -> None:
        """Say nothing."""

    error = warning = info

    def bind(self, **more: Any) -> _Silent:
        """Say nothing of this either."""
        return self


async def _viewer_of(
    services: Services, authorization: str | None, *, reads: bool, spends: object = None
) -> Viewer | None:
    return VIEWERS[authorization or NOBODY]


def _claimed_role(services: Services, authorization: str | None) -> str | None:
    viewer = VIEWERS[authorization or NOBODY]
    return None if viewer is None else viewer.role


@contextmanager
def installed() -> Iterator[None]:
    """Operations read from memory; the Authorization header is a viewer's name; nothing is logged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "Operation", MemoryOperation)
        patch.setattr(app, "viewer_of", _viewer_of)
        patch.setattr(app, "claimed_role", _claimed_role)
        patch.setattr(app, "log", _Silent())
        patch.setattr(errors, "log", _Silent())
        yield


def graph(execution: Literal["compiled", "graphql-core"]) -> Graph:
    """A server's graph; it opens nothing."""
    # A machine that stands still for some seconds changes no answer.
    patient = {"operation_deadline_ms": 600_000, **WIDE}
    return Graph(SERVICES, Settings(data_dir=Path("nowhere"), demo=True, execution=execution, **patient))


async def answer(graph: Graph, case: Case) -> Answer:
    """The answer to one case, failures aside."""
    envelope = Envelope(case.document, case.variables, case.operation_name)
    return await graph.answer(envelope, authorization=None if case.viewer == NOBODY else case.viewer)
