"""How are vectors reached on a Qdrant server, and what does any vector store promise?

`Vectors` is the promise; `QdrantVectors` keeps it with `qdrant_client.AsyncQdrantClient`, `embedded.EdgeVectors`
without any server. `tests/stores/qdrant_contract.py` holds both to it.

Each read has 0.4 s and is not repeated here; a write is acknowledged when it is applied (`wait=True`) and may be
repeated by the caller, because it is idempotent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from datadir.circuit import READ_DEADLINE, Circuit
from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.names import StoreName
from datadir.qdrant.collections import Collection
from datadir.step import Step
from datadir.tls import TlsFiles

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

    from datadir.qdrant import models

STORE = StoreName.QDRANT
WRITE_SECONDS = 10.0
CONNECTIONS = 32
NO_FILES = TlsFiles(STORE)
WAITING = 320
"""Requests that may wait for a connection; one more is refused at once."""

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

    circuit: Circuit
    """Its breaker and bulkhead."""

    async def ensure(self, collections: Sequence[Collection]) -> None:
        """Create the collections and payload indexes that are missing.

        Raises `StoreMisconfigured` where a collection exists with another size or distance; nothing is dropped.
        """

    async def missing(self, collections: Sequence[Collection]) -> list[str]:
        """What `ensure` would make, as phrases such as "collection documents" and "index topic of web_content"; nothing
        is made. Raises as `ensure` does."""

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
    return [found[point] for point in dict.fromkeys(map(str, ids)) if point in found]


class QdrantVectors:
    """`Vectors` on a Qdrant server (or, as a protocol double in tests, on the client's local mode)."""

    def __init__(self, client: AsyncQdrantClient, deadline: float = READ_DEADLINE) -> None:
        from datadir.qdrant import models

        self.deadline = deadline
        self.circuit = Circuit(STORE, most=CONNECTIONS + WAITING)
        self._client = client
        self._models = models

    async def ensure(self, collections: Sequence[Collection]) -> None:
        for step in await self._steps(collections):
            await step.take()

    async def missing(self, collections: Sequence[Collection]) -> list[str]:
        return [step.what for step in await self._steps(collections)]

    async def _steps(self, collections: Sequence[Collection]) -> list[Step]:
        """What brings the server to what the collections say: one request to look, and one for each that is there."""
        listed = await self._ask(self._client.get_collections, WRITE_SECONDS)
        names = {each.name for each in listed.collections}
        there = [each for each in collections if each.name in names]
        infos = await asyncio.gather(
            *(self._ask(partial(self._client.get_collection, each.name), WRITE_SECONDS) for each in there)
        )
        found = dict(zip((each.name for each in there), infos, strict=True))
        steps: list[Step] = []
        for collection in collections:
            info = found.get(collection.name)
            if info is None:
                steps.append(Step(f"collection {collection.name}", partial(self._create, collection)))
            else:
                steps += self._indexes(collection, info)
        return steps

    async def _create(self, collection: Collection) -> None:
        models, name = self._models, collection.name
        create = partial(
            self._client.create_collection,
            name,
            vectors_config=models.VectorParams(size=collection.size, distance=models.Distance(collection.distance)),
            hnsw_config=models.HnswConfigDiff(m=collection.m, ef_construct=collection.ef_construct),
        )
        try:
            await self._ask(create, WRITE_SECONDS)
        except StoreError:
            # Ten processes may start at once: whoever lost the race finds the collection.
            if not await self._ask(lambda: self._client.collection_exists(name), WRITE_SECONDS):
                raise
        info = await self._ask(lambda: self._client.get_collection(name), WRITE_SECONDS)
        for step in self._indexes(collection, info):
            await step.take()

    def _indexes(self, collection: Collection, info: models.CollectionInfo) -> list[Step]:
        """What a collection lacks that is there."""
        models, vectors = self._models, info.config.params.vectors
        if (
            not isinstance(vectors, models.VectorParams)
            or vectors.size != collection.size
            or vectors.distance != collection.distance
        ):
            raise StoreMisconfigured(STORE, wrong_shape(collection, vectors))
        steps: list[Step] = []
        for field, kind in collection.indexes.items():
            if field not in info.payload_schema:
                schema = models.PayloadSchemaType(kind)
                index = partial(
                    self._client.create_payload_index, collection.name, field_name=field, field_schema=schema
                )
                steps.append(Step(f"index {field} of {collection.name}", partial(self._ask, index, WRITE_SECONDS)))
        return steps

    async def upsert(self, collection: str, points: Sequence[models.PointStruct]) -> None:
        if points:
            written = list(points)
            await self._write(lambda: self._client.upsert(collection, points=written, wait=True))

    async def query_batch(self, collection: str, requests: Sequence[models.QueryRequest]) -> list[list[Hit]]:
        if not requests:
            return []

        async def request() -> list[list[Hit]]:
            responses = await self._client.query_batch_points(collection, requests=requests)
            return [
                [Hit(str(point.id), point.score, point.payload or {}) for point in response.points]
                for response in responses
            ]

        return await self._read(request, lambda answers: sum(map(len, answers)))

    async def retrieve(self, collection: str, ids: Sequence[PointId]) -> list[Record]:
        if not ids:
            return []
        asked = list(dict.fromkeys(map(str, ids)))

        async def request() -> dict[str, Record]:
            points = await self._client.retrieve(collection, ids=asked)
            return {str(point.id): Record(str(point.id), point.payload or {}) for point in points}

        return in_order(ids, await self._read(request, len))

    async def scroll(
        self, collection: str, filter: models.Filter | None = None, *, limit: int = 100, offset: PointId | None = None
    ) -> Page:
        start = None if offset is None else str(offset)

        async def request() -> Page:
            points, following = await self._client.scroll(collection, scroll_filter=filter, limit=limit, offset=start)
            records = [Record(str(point.id), point.payload or {}) for point in points]
            return Page(records, None if following is None else str(following))

        return await self._read(request, lambda page: len(page.records))

    async def count(self, collection: str, filter: models.Filter | None = None) -> int:
        counted = await self._read(
            lambda: self._client.count(collection, count_filter=filter, exact=True), lambda answer: 0
        )
        return counted.count

    async def delete(
        self, collection: str, *, filter: models.Filter | None = None, ids: Sequence[PointId] | None = None
    ) -> None:
        selected(filter, ids)
        if ids is not None:
            if ids:
                points = self._models.PointIdsList(points=[str(point) for point in ids])
                await self._write(lambda: self._client.delete(collection, points_selector=points, wait=True))
        elif filter is not None:
            matching = self._models.FilterSelector(filter=filter)
            await self._write(lambda: self._client.delete(collection, points_selector=matching, wait=True))

    async def ping(self) -> str:
        return (await self._ask(lambda: self._client.info(), READ_DEADLINE)).version

    async def close(self) -> None:
        await self._client.close()

    async def _read(self, request: Callable[[], Awaitable[T]], rows: Callable[[T], int]) -> T:
        """One counted request, or two where the first failed quickly."""

        async def counted(seconds: float) -> T:
            started, found = perf_counter(), 0
            try:
                answer = await self._ask(request, seconds)
                found = rows(answer)
                return answer
            finally:
                count(STORE, started=started, rows=found)

        return await self.circuit.read(counted, self.deadline)

    async def _write(self, request: Callable[[], Awaitable[object]]) -> None:
        """One counted request."""
        started = perf_counter()
        try:
            with self.circuit.asked():
                await self._ask(request, WRITE_SECONDS)
        finally:
            count(STORE, started=started)

    async def _ask(self, request: Callable[[], Awaitable[T]], deadline: float) -> T:
        """Make one request within `deadline` seconds; the driver's errors become ours."""
        try:
            async with asyncio.timeout(deadline):
                return await request()
        except TimeoutError as error:
            raise StoreTimeout(STORE, f"qdrant did not answer within {deadline:.2f} s") from error
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
    host: str,
    port: int = 6333,
    *,
    api_key: str | None = None,
    tls: TlsFiles = NO_FILES,
    grpc_port: int | None = None,
    deadline: float = READ_DEADLINE,
) -> QdrantVectors:
    """A client of the server at `host`; REST unless `grpc_port` is given (a third faster). Nothing is asked yet. Raises
    StoreMisconfigured for files of `tls` that are not what they should be.

    The client library is imported here, in a thread: it takes two seconds that embedded mode need not spend.
    """

    context = await tls.context()

    def connect() -> QdrantVectors:
        import_module("datadir.qdrant.models")  # first, so that there is one set of classes
        import httpx
        from qdrant_client import AsyncQdrantClient

        verified: dict[str, Any] = {} if context is None else {"verify": context}
        client = AsyncQdrantClient(
            host=host,
            port=port,
            grpc_port=grpc_port or 6334,
            prefer_grpc=grpc_port is not None,
            # As a header of ours: given a key without TLS the library warns, and whether there is TLS say the settings.
            headers=None if api_key is None else {"api-key": api_key},
            https=context is not None,
            **verified,
            timeout=int(WRITE_SECONDS),
            # Its own check is a blocking request in the constructor; `ping` says the version.
            check_compatibility=False,
            # The library's default for localhost is a new connection for each request.
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )
        return QdrantVectors(client, deadline)

    return await asyncio.to_thread(connect)
