"""What came of an attack? The codes, and how long this process was busy with it.

The way is that of every transport, past HTTP; what is not refused reads from the memory school.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from graph.app import Graph
from graph.http.envelope import Envelope
from graph.settings import Settings
from tests.corpus.memory_school import SERVICES
from tests.corpus.served import NOBODY

# What the server may be busy with one hostile document: generous, for a test may find both cores taken.
MOST_SECONDS = 0.25


class Outcome(NamedTuple):
    """How an attack was answered."""

    codes: set[str]
    messages: list[str]
    seconds: float
    body: dict[str, Any]


def school(**settings: Any) -> Graph:
    """A server with the limits of the defaults, but for those that are named."""
    return Graph(SERVICES, Settings(data_dir=Path("nowhere"), **{"limit_budget": "0", **settings}))


def production() -> Graph:
    """The same as it would be in production."""
    return school(env="production")


async def attacked(
    document: str,
    variables: dict[str, Any] | None = None,
    viewer: str = "teacher",
    *,
    name: str | None = None,
    by: Graph | None = None,
) -> Outcome:
    """One operation as one of the memory school's viewers. It is sent twice, as who attacks does."""
    graph = by or school()
    header = None if viewer == NOBODY else viewer
    seconds = []
    for _ in range(2):
        began = process_time()
        answer = await graph.answer(Envelope(document, variables or {}, name), authorization=header)
        seconds.append(process_time() - began)
    errors = answer.body.get("errors", [])
    assert answer.status < 500, errors
    codes = {error["extensions"]["code"] for error in errors}
    # The quicker one: the first may have paid for what is made once, or for garbage of others.
    return Outcome(codes, [error["message"] for error in errors], min(seconds), answer.body)


@asynccontextmanager
async def following(document: str) -> AsyncIterator[dict[str, Any]]:
    """What a stream says first."""
    answers = school().stream(Envelope(document), authorization=None)
    try:
        yield (await anext(answers)).body
    finally:
        await answers.aclose()
