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


class _Silent:
    """A log that nobody reads."""

    def info(self, event: str, **more: Any) -> None:
        """Say nothing."""

    error = warning = info


async def _viewer_of(services: Services, authorization: str | None, *, reads: bool) -> Viewer | None:
    return VIEWERS[authorization or NOBODY]


@contextmanager
def installed() -> Iterator[None]:
    """Operations read from memory; the Authorization header is a viewer's name; nothing is logged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "Operation", MemoryOperation)
        patch.setattr(app, "viewer_of", _viewer_of)
        patch.setattr(app, "log", _Silent())
        patch.setattr(errors, "log", _Silent())
        yield


def graph(execution: Literal["compiled", "graphql-core"]) -> Graph:
    """A server's graph; it opens nothing."""
    return Graph(SERVICES, Settings(data_dir=Path("nowhere"), demo=True, execution=execution))


async def answer(graph: Graph, case: Case) -> Answer:
    """The answer to one case, failures aside."""
    envelope = Envelope(case.document, case.variables, case.operation_name)
    return await graph.answer(envelope, authorization=None if case.viewer == NOBODY else case.viewer)
