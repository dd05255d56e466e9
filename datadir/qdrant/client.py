"""How are vectors reached on a Qdrant server, and what does any vector store promise?

`Vectors` is the promise; `QdrantVectors` keeps it with `qdrant_client.AsyncQdrantClient`, `embedded.EdgeVectors`
without any server. `tests/stores/qdrant_contract.py` holds both to it.

Each read has 0.4 s and is not repeated here; a write is acknowledged when it is applied (`wait=True`) and may be
repeated by the caller, because it is idempotent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.names import StoreName
from datadir.qdrant.collections import Collection

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

    from datadir.qdrant import models

STORE = StoreName.QDRANT
READ_SECONDS = 0.4
WRITE_SECONDS = 10.0
CONNECTIONS = 32

T = TypeVar("T")
PointId = str | UUID


class Hit(NamedTuple):
    """One answer to a search. `score` is the cosine for `Cosine` collections; equal scores come in any order."""

    id: str
    score: float
    payload: dict[str, Any]


class Record(NamedTuple):
    """One stored point without its vector."""

    id: str
    payload: dict[str, Any]


class Page(NamedTuple):
    """Some points in the order of their ids, and the id to ask on from (None: these were the last)."""

    records: list[Record]
    next_offset: str | None


class Vectors(Protocol):
    """Points in named collections. Ids are UUIDs, given as `UUID` or text, and always come back as text.

    Every method raises `StoreTimeout` or `StoreUnavailable` where the store is slow or gone, `StoreMisconfigured`
    where it refuses our key or lacks the collection, and `StoreError` where it cannot carry out what was asked (a
    vector of another size, a filter it does not know).
    """

    async def ensure(self, collections: Sequence[Collection]) -> None:
        """Create the collections and payload indexes that are missing.

        Raises `StoreMisconfigured` where a collection exists with another size or distance; nothing is dropped.
        """

    async def upsert(self, collection: str, points: Sequence[models.PointStruct]) -> None:
        """Write points; one with a known id is overwritten whole. Durable when this returns."""

    async def query_batch(self, collection: str, requests: Sequence[models.QueryRequest]) -> list[list[Hit]]:
        """Answer each request with its best hits, best first: one call, however many requests.

        A request carries a vector (`query`, a list of floats), and may carry `filter`, `limit` (10), `offset`,
        `score_threshold` and `with_payload` (unset: hits carry an empty payload). The filter is applied before the
        `limit`, so a filtered request is filled as long as points match.
        """

    async def retrieve(self, collection: str, ids: Sequence[PointId]) -> list[Record]:
        """The points of these ids that exist, in the order of `ids`, each once: one call."""

    async def scroll(
        self, collection: str, filter: models.Filter | None = None, *, limit: int = 100, offset: PointId | None = None
    ) -> Page:
        """Up to `limit` matching points in the order of their ids, from the id `offset` on."""

    async def count(self, collection: str, filter: models.Filter | None = None) -> int:
        """How many points match, exactly."""

    async def delete(
        self, collection: str, *, filter: models.Filter | None = None, ids: Sequence[PointId] | None = None
    ) -> None:
        """Delete the points that match `filter`, or those of `ids`: one of the two. Absent points are no error."""

    async def ping(self) -> str:
        """The engine's version."""

    async def close(self) -> None:
        """Let go of connections, threads and files."""


def selected(filter: object | None, ids: object | None) -> None:
    """Refuse a delete that names nothing, or two things."""
    if (filter is None) == (ids is None):
        raise ValueError("delete takes either a filter or ids")


def in_order(ids: Iterable[PointId], found: dict[str, Record]) -> list[Record]:
    """The records found, in the order in which they were asked for, each once."""
    asked = dict.fromkeys(str(point) for point in ids)
    return [found[point] for point in asked if point in found]


class QdrantVectors:
    """`Vectors` on a Qdrant server (or, as a protocol double in tests, on the client's local mode)."""

    def __init__(self, client: AsyncQdrantClient) -> None:
        from datadir.qdrant import models

        self._client = client
        self._models = models

    async def ensure(self, collections: Sequence[Collection]) -> None:
        for collection in collections:
            await self._ensure(collection)

    async def _ensure(self, collection: Collection) -> None:
        models, name = self._models, collection.name
        if not await self._ask(self._client.collection_exists(name), WRITE_SECONDS):
            try:
                await self._ask(
                    self._client.create_collection(
                        name,
                        vectors_config=models.VectorParams(
                            size=collection.size, distance=models.Distance(collection.distance)
                        ),
                        hnsw_config=models.HnswConfigDiff(m=collection.m, ef_construct=collection.ef_construct),
                    ),
                    WRITE_SECONDS,
                )
            except StoreError:
                # Ten processes may start at once: whoever lost the race finds the collection.
                if not await self._ask(self._client.collection_exists(name), WRITE_SECONDS):
                    raise
        info = await self._ask(self._client.get_collection(name), WRITE_SECONDS)
        vectors = info.config.params.vectors
        if (
            not isinstance(vectors, models.VectorParams)
            or vectors.size != collection.size
            or vectors.distance != collection.distance
        ):
            raise StoreMisconfigured(STORE, wrong_shape(collection, vectors))
        for field, kind in collection.indexes.items():
            if field not in info.payload_schema:
                schema = models.PayloadSchemaType(kind)
                await self._ask(
                    self._client.create_payload_index(name, field_name=field, field_schema=schema), WRITE_SECONDS
                )

    async def upsert(self, collection: str, points: Sequence[models.PointStruct]) -> None:
        if points:
            await self._call(self._client.upsert(collection, points=list(points), wait=True), WRITE_SECONDS)

    async def query_batch(self, collection: str, requests: Sequence[models.QueryRequest]) -> list[list[Hit]]:
        if not requests:
            return []
        started = perf_counter()
        answers: list[list[Hit]] = []
        try:
            responses = await self._ask(self._client.query_batch_points(collection, requests=requests), READ_SECONDS)
            answers = [
                [Hit(str(point.id), point.score, point.payload or {}) for point in response.points]
                for response in responses
            ]
        finally:
            count(STORE, started=started, rows=sum(map(len, answers)))
        return answers

    async def retrieve(self, collection: str, ids: Sequence[PointId]) -> list[Record]:
        if not ids:
            return []
        started = perf_counter()
        found: dict[str, Record] = {}
        try:
            asked = list(dict.fromkeys(map(str, ids)))
            for point in await self._ask(self._client.retrieve(collection, ids=asked), READ_SECONDS):
                found[str(point.id)] = Record(str(point.id), point.payload or {})
        finally:
            count(STORE, started=started, rows=len(found))
        return in_order(ids, found)

    async def scroll(
        self, collection: str, filter: models.Filter | None = None, *, limit: int = 100, offset: PointId | None = None
    ) -> Page:
        started = perf_counter()
        records: list[Record] = []
        try:
            start = None if offset is None else str(offset)
            points, following = await self._ask(
                self._client.scroll(collection, scroll_filter=filter, limit=limit, offset=start), READ_SECONDS
            )
            records = [Record(str(point.id), point.payload or {}) for point in points]
        finally:
            count(STORE, started=started, rows=len(records))
        return Page(records, None if following is None else str(following))

    async def count(self, collection: str, filter: models.Filter | None = None) -> int:
        counted = await self._call(self._client.count(collection, count_filter=filter, exact=True), READ_SECONDS)
        return counted.count

    async def delete(
        self, collection: str, *, filter: models.Filter | None = None, ids: Sequence[PointId] | None = None
    ) -> None:
        selected(filter, ids)
        if ids is not None:
            if ids:
                points = self._models.PointIdsList(points=[str(point) for point in ids])
                await self._call(self._client.delete(collection, points_selector=points, wait=True), WRITE_SECONDS)
        elif filter is not None:
            matching = self._models.FilterSelector(filter=filter)
            await self._call(self._client.delete(collection, points_selector=matching, wait=True), WRITE_SECONDS)

    async def ping(self) -> str:
        return (await self._ask(self._client.info(), READ_SECONDS)).version

    async def close(self) -> None:
        await self._client.close()

    async def _call(self, request: Awaitable[T], deadline: float) -> T:
        """One counted request whose answer is no list."""
        started = perf_counter()
        try:
            return await self._ask(request, deadline)
        finally:
            count(STORE, started=started)

    async def _ask(self, request: Awaitable[T], deadline: float) -> T:
        """Await one request within `deadline` seconds; the driver's errors become ours."""
        try:
            async with asyncio.timeout(deadline):
                return await request
        except TimeoutError as error:
            raise StoreTimeout(STORE, f"qdrant did not answer within {deadline} s") from error
        except StoreError:
            raise
        except Exception as error:
            raise translated(error) from error


def wrong_shape(collection: Collection, found: object) -> str:
    """The sentence for a collection that exists in another shape."""
    return (
        f"The vector collection {collection.name!r} exists with other vectors ({found}) than the program needs "
        f"({collection.size} floats, {collection.distance}): move it away, or point QDRANT_HOST elsewhere."
    )


def translated(error: Exception) -> StoreError:
    """The store error for one of the client library's exceptions."""
    source = getattr(error, "source", error)  # ResponseHandlingException carries httpx's own
    status = getattr(error, "status_code", None)
    code = getattr(error, "code", None)  # grpc's AioRpcError says its code by a method
    grpc_code = code().name if callable(code) else None
    said = " ".join(str(error).split())[:300]
    if status in (401, 403) or grpc_code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return StoreMisconfigured(
            STORE, "Qdrant refuses the API key: set QDRANT_API_KEY to one that may read and write."
        )
    if status == 404 or grpc_code == "NOT_FOUND" or (isinstance(error, ValueError) and "not found" in said):
        return StoreMisconfigured(STORE, f"{said}: create the collections with `python -m datadir.qdrant.setup`.")
    if "Timeout" in type(source).__name__ or grpc_code in ("DEADLINE_EXCEEDED", "CANCELLED"):
        return StoreTimeout(STORE, "qdrant did not answer in time")
    if source is not error or status == 429 or (status or 0) >= 500:
        return StoreUnavailable(STORE, f"qdrant is not available: {type(source).__name__}")
    if grpc_code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED") or "Exhausted" in type(error).__name__:
        return StoreUnavailable(STORE, f"qdrant is not available: {grpc_code or type(error).__name__}")
    return StoreError(STORE, said)


async def opened(
    host: str, port: int = 6333, *, api_key: str | None = None, tls: bool = False, grpc_port: int | None = None
) -> QdrantVectors:
    """A client of the server at `host`; REST unless `grpc_port` is given (a third faster). Nothing is asked yet.

    The client library is imported here, in a thread: it takes two seconds that embedded mode need not spend.
    """

    def connect() -> QdrantVectors:
        import_module("datadir.qdrant.models")  # first, so that there is one set of classes
        import httpx
        from qdrant_client import AsyncQdrantClient

        client = AsyncQdrantClient(
            host=host,
            port=port,
            grpc_port=grpc_port or 6334,
            prefer_grpc=grpc_port is not None,
            api_key=api_key,
            https=tls,
            timeout=int(WRITE_SECONDS),
            # Its own check is a blocking request in the constructor; `ping` says the version.
            check_compatibility=False,
            # The library's default for localhost is a new connection for each request.
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )
        return QdrantVectors(client)

    return await asyncio.to_thread(connect)
