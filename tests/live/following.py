"""How is a stream followed in a test? In process, by the function that transports call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from graph.app import Answer, Graph
from graph.http.envelope import Envelope
from tests.running_school import RunningSchool


@asynccontextmanager
async def following(
    graph: Graph, document: str, variables: dict[str, Any] | None = None, *, token: str | None = None, **shown: Any
) -> AsyncIterator[AsyncGenerator[Answer, None]]:
    """The answers of a stream, which is left at the end."""
    sent = None if token is None else f"Bearer {token}"
    answers = graph.stream(Envelope(document, variables or {}), authorization=sent, **shown)
    try:
        yield answers
    finally:
        await answers.aclose()


async def first(
    school: RunningSchool, document: str, variables: dict[str, Any] | None = None, *, token: str | None = None
) -> Answer:
    """What a stream answers first."""
    async with following(Graph(school.services, school.settings), document, variables, token=token) as answers:
        return await anext(answers)
