"""A stream whose events read in the viewer's scope: glimpses of a classroom, whenever a test says so."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

import strawberry
from strawberry.schema.config import StrawberryConfig

from graph.app import Graph
from graph.execution.edge import NO_CALLS, POSTGRESQL, edge, face, leaf, stream
from graph.execution.executor import PlannedExecutor
from graph.execution.in_process import ProcessDocuments
from graph.ids import uuid_of
from graph.schema import NODES, Query, Schema
from graph.types.classrooms import Classroom
from graph.types.scalars import SCALARS
from resolvers import classrooms
from resolvers.access.labels import Label
from resolvers.degrading import degrades, degrades_with
from resolvers.errors import NotFound
from resolvers.operation import Operation


class Glimpse(NamedTuple):
    """One event."""

    number: int
    classroom_id: UUID


class Source:
    """Where the glimpses come from."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def events(self, classroom_id: UUID) -> AsyncGenerator[Any, None]:
        """A glimpse for each number, the failure for each exception, the end for None."""
        try:
            while (said := await self.said.get()) is not None:
                if isinstance(said, Exception):
                    raise said
                yield Glimpse(said, classroom_id)
        finally:
            self.closed.set()


source = Source()


@degrades(None)
async def glimpses(operation: Operation) -> None:
    """What a failing source means."""


@degrades_with(classrooms.by_ids)
async def seen(operation: Operation, glimpses: Sequence[Glimpse]) -> list[Any]:
    """The classroom of each glimpse, as far as the viewer may see it now."""
    loaders = operation.loaders.classrooms
    found = await loaders.classrooms_by_id([each.classroom_id for each in glimpses])
    return [each or NotFound() for each in found]


@strawberry.type(description="A glimpse.")
class GlimpseEvent:
    """Source: the test."""

    number: int = leaf("Which.", label=Label.AUTHENTICATED)
    classroom: Classroom | None = edge(seen, "What is seen.", calls=POSTGRESQL)


@strawberry.type(description="What may be followed.")
class Subscription:
    """The streams."""

    @stream(glimpses, calls=NO_CALLS)
    @staticmethod
    def glimpses(operation: Operation, id: strawberry.ID) -> AsyncGenerator[GlimpseEvent, None]:
        """Glimpses of a classroom."""
        return face(source.events(uuid_of(id, "Classroom")))


SCHEMA = Schema(
    query=Query,
    subscription=Subscription,
    types=list(NODES),
    extensions=[ProcessDocuments],
    execution_context_class=PlannedExecutor,
    config=StrawberryConfig(scalar_map=SCALARS),
)


def glimpsing(graph: Graph) -> Graph:
    """One like it, answering by the schema of glimpses."""
    while not source.said.empty():
        with suppress(asyncio.QueueEmpty):
            source.said.get_nowait()
    source.closed.clear()
    return Graph(graph.services, graph.settings, SCHEMA._schema)
