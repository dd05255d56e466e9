"""What does the page show while the vectors fail, which are in our own process and have no socket?

An adapter stands between the program and Qdrant's engine: another implementation of the same promise, given where the
stores are put together. It fails as an engine does whose disk is gone, or whose worker never comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import httpx
import pytest
import pytest_asyncio

from datadir.circuit import READ_DEADLINE, Circuit
from datadir.errors import StoreTimeout, StoreUnavailable
from datadir.names import StoreName
from datadir.qdrant.client import Hit, Page, PointId, Record, Vectors
from datadir.qdrant.collections import Collection
from graph.app import application
from resolvers.operation import Services
from tests.faults.sick_school import SickSchool
from tests.faults.sickness import PAGE_SECONDS, at_rest, page_without, well_again

if TYPE_CHECKING:
    from datadir.qdrant import models

T = TypeVar("T")
CROWD = 10


class FrailVectors:
    """`Vectors` that are those of `well` until they are told to be `gone` or to `hang`."""

    def __init__(self, well: Vectors) -> None:
        self.well = well
        self.circuit = Circuit(StoreName.QDRANT, most=20)
        self.fails: str | None = None
        self.asked = 0

    async def _ask(self, request: Callable[[], Awaitable[T]]) -> T:
        with self.circuit.asked():
            self.asked += 1
            if self.fails == "hang":
                await asyncio.sleep(READ_DEADLINE)
                raise StoreTimeout(StoreName.QDRANT)
            if self.fails == "gone":
                raise StoreUnavailable(StoreName.QDRANT)
            return await request()

    async def ensure(self, collections: Sequence[Collection]) -> None:
        await self._ask(lambda: self.well.ensure(collections))

    async def missing(self, collections: Sequence[Collection]) -> list[str]:
        return await self._ask(lambda: self.well.missing(collections))

    async def upsert(self, collection: str, points: Sequence[models.PointStruct]) -> None:
        await self._ask(lambda: self.well.upsert(collection, points))

    async def query_batch(self, collection: str, requests: Sequence[models.QueryRequest]) -> list[list[Hit]]:
        return await self._ask(lambda: self.well.query_batch(collection, requests))

    async def retrieve(self, collection: str, ids: Sequence[PointId]) -> list[Record]:
        return await self._ask(lambda: self.well.retrieve(collection, ids))

    async def scroll(
        self, collection: str, filter: models.Filter | None = None, *, limit: int = 100, offset: PointId | None = None
    ) -> Page:
        return await self._ask(lambda: self.well.scroll(collection, filter, limit=limit, offset=offset))

    async def count(self, collection: str, filter: models.Filter | None = None) -> int:
        return await self._ask(lambda: self.well.count(collection, filter))

    async def delete(
        self, collection: str, *, filter: models.Filter | None = None, ids: Sequence[PointId] | None = None
    ) -> None:
        await self._ask(lambda: self.well.delete(collection, filter=filter, ids=ids))

    async def ping(self) -> str:
        return await self._ask(self.well.ping)

    async def close(self) -> None:
        await self.well.close()


@dataclass
class Frail:
    """The school on such vectors."""

    sick: SickSchool
    vectors: FrailVectors


@asynccontextmanager
async def given(services: Services) -> AsyncIterator[Services]:
    """Services that somebody else opened."""
    yield services


@pytest_asyncio.fixture
async def frail(sick: SickSchool) -> AsyncIterator[Frail]:
    """The application put together anew, with the same stores but for the vectors."""
    school = sick.school
    vectors = FrailVectors(school.services.stores.vectors)
    services = replace(school.services, stores=replace(school.services.stores, vectors=vectors))
    app = application(school.settings, given(services), built=school.folder.path / "built")
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://school.test") as http,
    ):
        on_them = replace(sick, school=replace(school, services=services, http=http))
        on_them.healthy = sick.healthy
        await well_again(on_them)
        yield Frail(on_them, vectors)


@pytest.mark.parametrize("fails", ["gone", "hang"])
async def test_failing_vectors_cost_the_search_and_all_is_well_soon_after(fails: str, frail: Frail) -> None:
    frail.vectors.fails = fails
    for _ in range(2):
        page = await page_without(frail.sick, "qdrant")
        assert page.sources == [{"store": "qdrant", "status": "timeout" if fails == "hang" else "unavailable"}]
    frail.vectors.fails = None
    await well_again(frail.sick)
    await at_rest(frail.sick)


async def test_vectors_that_hang_are_left_alone_after_some_pages(frail: Frail) -> None:
    frail.vectors.fails = "hang"
    await asyncio.gather(*(frail.sick.front_page() for _ in range(CROWD)))
    assert frail.vectors.circuit.state == "opened"
    asked = frail.vectors.asked
    page = await page_without(frail.sick, "qdrant")
    assert page.sources == [{"store": "qdrant", "status": "unavailable"}]
    assert page.seconds < PAGE_SECONDS
    assert frail.vectors.asked <= asked + 1, "the one call that tries"
    frail.vectors.fails = None
    await well_again(frail.sick)
    await at_rest(frail.sick)
