"""How do vectors rest without any server? In the segments of Qdrant's own engine, inside this process.

`EdgeVectors` keeps the promise of `client.Vectors` on `qdrant-edge-py`: one shard per collection in one folder. The
engine is synchronous: its calls run one after the other in one worker thread, so that they can be given a deadline.
It keeps the interpreter's lock while it works, though, so what it does at a time is kept short: a filtered search
takes 0.2 ms, an unfiltered one over 50,000 points 5 ms, 256 points are written in 6 ms.

A write is in the engine's log when it is acknowledged, which outlives `kill -9`; to outlive a power cut, the log's
files are synced here, outside the engine. Its own `flush` writes all segments under the interpreter's lock (10 ms on
an idle disk, half a second on a busy one), so it runs at open and close, and after every 10,000 points, which bounds
what an opening has to replay (60 us a point).

What it does not imitate:
- more than one process: the engine locks its log, and a second process is refused with a sentence;
- the server: no network, keys, TLS, snapshots by API, aliases, sharding, strict mode;
- an HNSW graph: `optimize()` is never called (its graph lost half the true neighbours of random vectors), so searches
  are exact, and their time grows with the collection (0.2 ms filtered, 5 ms unfiltered on 50,000 points);
- geo filters, named, sparse and multi vectors, prefetch, fusion and recommendation: refused, not ignored.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.qdrant.client import (
    READ_SECONDS,
    STORE,
    WRITE_SECONDS,
    Hit,
    Page,
    PointId,
    Record,
    in_order,
    selected,
    wrong_shape,
)
from datadir.qdrant.collections import Collection

if TYPE_CHECKING:
    from types import ModuleType

    import qdrant_edge

    from datadir.qdrant import models

POINTS_PER_STEP = 256  # reads get their turn between the steps of a large write
POINTS_PER_FLUSH = 10_000
OPEN_SECONDS = 60.0
CLOSE_SECONDS = 10.0
UNFINISHED = ".new"

T = TypeVar("T")


class EdgeVectors:
    """`Vectors` in `folder`, for one process. Made by `opened`."""

    def __init__(self, folder: Path, words: ModuleType) -> None:
        """`words` is `datadir.qdrant.filters`, which can be imported only where the engine is installed."""
        self._folder = folder
        self._words = words
        self._edge: Any = words.edge
        self._shards: dict[str, qdrant_edge.EdgeShard] = {}
        self._unflushed = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="qdrant-edge")

    async def ensure(self, collections: Sequence[Collection]) -> None:
        for collection in collections:
            await self._ask(partial(self._ensure, collection), WRITE_SECONDS)

    async def upsert(self, collection: str, points: Sequence[models.PointStruct]) -> None:
        if not points:
            return
        started = perf_counter()
        try:
            async with _within(WRITE_SECONDS):
                for start in range(0, len(points), POINTS_PER_STEP):
                    await self._run(partial(self._upsert, collection, points[start : start + POINTS_PER_STEP]))
                await self._synced(collection)
        finally:
            count(STORE, started=started)

    async def query_batch(self, collection: str, requests: Sequence[models.QueryRequest]) -> list[list[Hit]]:
        if not requests:
            return []
        started = perf_counter()
        answers: list[list[Hit]] = []
        try:
            answers = await self._ask(lambda: self._query_batch(collection, requests), READ_SECONDS)
        finally:
            count(STORE, started=started, rows=sum(map(len, answers)))
        return answers

    async def retrieve(self, collection: str, ids: Sequence[PointId]) -> list[Record]:
        if not ids:
            return []
        started = perf_counter()
        found: dict[str, Record] = {}
        try:
            found = await self._ask(lambda: self._retrieve(collection, ids), READ_SECONDS)
        finally:
            count(STORE, started=started, rows=len(found))
        return in_order(ids, found)

    async def scroll(
        self, collection: str, filter: models.Filter | None = None, *, limit: int = 100, offset: PointId | None = None
    ) -> Page:
        started = perf_counter()
        page = Page([], None)
        try:
            page = await self._ask(lambda: self._scroll(collection, filter, limit, offset), READ_SECONDS)
        finally:
            count(STORE, started=started, rows=len(page.records))
        return page

    async def count(self, collection: str, filter: models.Filter | None = None) -> int:
        started = perf_counter()
        try:
            return await self._ask(lambda: self._count(collection, filter), READ_SECONDS)
        finally:
            count(STORE, started=started)

    async def delete(
        self, collection: str, *, filter: models.Filter | None = None, ids: Sequence[PointId] | None = None
    ) -> None:
        selected(filter, ids)
        if ids is not None and not ids:
            return
        started = perf_counter()
        try:
            async with _within(WRITE_SECONDS):
                await self._run(partial(self._delete, collection, filter, ids))
                await self._synced(collection)
        finally:
            count(STORE, started=started)

    async def ping(self) -> str:
        """The engine's version, once its thread has answered for every collection that is open."""
        await self._ask(lambda: [shard.info() for shard in self._shards.values()], READ_SECONDS)
        return f"edge {version('qdrant-edge-py')}"

    async def close(self) -> None:
        if self._shards:
            await self._ask(self._close, CLOSE_SECONDS)
        self._worker.shutdown(wait=False)

    # In the event loop: the one way into the worker thread.

    async def _ask(self, work: Callable[[], T], deadline: float) -> T:
        async with _within(deadline):
            return await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        """Run `work` in the worker thread, with this operation's context; the engine's errors become ours."""
        try:
            ticket = self._worker.submit(copy_context().run, _guarded, work)
        except RuntimeError as error:
            raise StoreUnavailable(STORE, "the embedded vector store is closed") from error
        return await asyncio.wrap_future(ticket)

    async def _synced(self, collection: str) -> None:
        """Wait until the collection's log is on the disk: in another thread, so that searches go on meanwhile."""
        await asyncio.to_thread(_sync, self._folder / collection / "wal")

    # In the worker thread: the engine itself.

    def _open(self) -> None:
        """Open every collection there is: a read has no time for it, and damage should stop the start."""
        for path in sorted(self._folder.iterdir()):
            if path.is_dir() and path.suffix != UNFINISHED:
                self._load(path)

    def _load(self, path: Path) -> None:
        try:
            # One search thread: calls come one at a time, and the cores belong to the server. The engine does not
            # store that, and wants the shape said again to be told it.
            config = self._edge.EdgeConfig(vectors=self._shape(*_stored_shape(path)), max_search_threads=1)
            shard = self._edge.EdgeShard.load(str(path), config)
            shard.flush()
            self._shards[path.name] = shard
        except BaseException as error:  # a panic of the engine is one, and damage makes it panic
            if "WouldBlock" in str(error):
                raise StoreMisconfigured(STORE, f"Another process holds the vector folder {path}.") from error
            raise StoreMisconfigured(
                STORE, f"The vector folder {path} is damaged ({_said(error)}): move it away to start anew."
            ) from error

    def _shard(self, name: str) -> qdrant_edge.EdgeShard:
        try:
            return self._shards[name]
        except KeyError:
            raise StoreMisconfigured(STORE, f"There is no vector collection {name!r}.") from None

    def _ensure(self, collection: Collection) -> None:
        edge, path = self._edge, self._folder / collection.name
        if not path.exists():
            # Made aside and renamed, so that a process killed half way leaves no half collection.
            aside = path.with_suffix(UNFINISHED)
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            vectors = self._shape(collection.size, collection.distance)
            graph = edge.HnswIndexConfig(
                m=collection.m, ef_construct=collection.ef_construct, full_scan_threshold=10_000
            )
            edge.EdgeShard.create(str(aside), edge.EdgeConfig(vectors=vectors, hnsw_config=graph)).close()
            aside.rename(path)
            self._load(path)
        shard = self._shard(collection.name)
        size, distance = _stored_shape(path)
        if (size, distance) != (collection.size, collection.distance):
            raise StoreMisconfigured(STORE, wrong_shape(collection, f"{size} floats, {distance}"))
        for field in collection.indexes.keys() - shard.info().payload_schema.keys():
            kind = getattr(edge.PayloadSchemaType, collection.indexes[field].capitalize())
            shard.update(edge.UpdateOperation.create_field_index(field, kind))

    def _shape(self, size: int, distance: str) -> qdrant_edge.EdgeVectorParams:
        params: qdrant_edge.EdgeVectorParams = self._edge.EdgeVectorParams(
            size=size, distance=getattr(self._edge.Distance, distance)
        )
        return params

    def _upsert(self, name: str, points: Sequence[models.PointStruct]) -> None:
        edge = self._edge
        made = [edge.Point(id=point.id, vector=point.vector, payload=point.payload or {}) for point in points]
        self._shard(name).update(edge.UpdateOperation.upsert_points(made))
        self._unflushed += len(made)
        if self._unflushed >= POINTS_PER_FLUSH:
            self._unflushed = 0
            for each in self._shards.values():
                each.flush()

    def _query_batch(self, name: str, requests: Sequence[models.QueryRequest]) -> list[list[Hit]]:
        batch = self._edge.QueryBatchRequest([self._words.edge_request(request) for request in requests])
        return [
            [Hit(str(point.id), point.score, point.payload or {}) for point in points]
            for points in self._shard(name).query_batch(batch)
        ]

    def _retrieve(self, name: str, ids: Sequence[PointId]) -> dict[str, Record]:
        asked: list[int | UUID | str] = list(dict.fromkeys(map(str, ids)))
        found = self._shard(name).retrieve(asked, with_payload=True, with_vector=False)
        return {str(point.id): Record(str(point.id), point.payload or {}) for point in found}

    def _scroll(self, name: str, filter: models.Filter | None, limit: int, offset: PointId | None) -> Page:
        points, following = self._shard(name).scroll(
            self._edge.ScrollRequest(
                offset=None if offset is None else str(offset),
                limit=limit,
                filter=self._words.edge_filter(filter),
                with_payload=True,
                with_vector=False,
            )
        )
        records = [Record(str(point.id), point.payload or {}) for point in points]
        return Page(records, None if following is None else str(following))

    def _count(self, name: str, filter: models.Filter | None) -> int:
        return self._shard(name).count(self._edge.CountRequest(filter=self._words.edge_filter(filter), exact=True))

    def _delete(self, name: str, filter: models.Filter | None, ids: Sequence[PointId] | None) -> None:
        operation = self._edge.UpdateOperation
        if ids is not None:
            change = operation.delete_points([str(point) for point in ids])
        else:
            change = operation.delete_points_by_filter(self._words.edge_filter(filter))
        self._shard(name).update(change)

    def _close(self) -> None:
        while self._shards:
            _, shard = self._shards.popitem()
            shard.flush()
            shard.close()


@asynccontextmanager
async def _within(deadline: float) -> AsyncIterator[None]:
    """Bound what is awaited inside; a step that already runs in the worker thread ends on its own."""
    try:
        async with asyncio.timeout(deadline):
            yield
    except TimeoutError as error:
        raise StoreTimeout(STORE, f"qdrant did not answer within {deadline} s") from error


def _guarded(work: Callable[[], T]) -> T:
    """Run `work` in the worker thread; whatever the engine throws becomes a `StoreError`."""
    try:
        return work()
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(STORE, _said(error)) from error
    except BaseException as error:
        # A panic of the Rust engine derives from BaseException: unhandled, it would end the event loop.
        if type(error).__name__ != "PanicException":
            raise
        raise StoreUnavailable(STORE, f"the embedded vector store failed: {_said(error)}") from error


def _sync(log: Path) -> None:
    """Write the log's files through to the disk. A sync of mapped pages does not hold the interpreter's lock."""
    for path in log.iterdir():
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # a flush dropped it: what it held is in the segments
            continue
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _stored_shape(path: Path) -> tuple[int, str]:
    """Size and distance of the shard at `path`: the engine does not say them, the file that it keeps does."""
    vectors = json.loads((path / "edge_config.json").read_bytes())["vectors"][""]
    return vectors["size"], vectors["distance"]


def _said(error: BaseException) -> str:
    return " ".join(str(error).removeprefix("Service runtime error: ").split())[:300]


async def opened(folder: Path) -> EdgeVectors:
    """The vectors in `folder`, which is made if it is missing. One process at a time.

    Raises `StoreMisconfigured` where the wheel is missing, or the folder cannot be made, is damaged or is held by
    another process.
    """
    try:
        words = await asyncio.to_thread(import_module, "datadir.qdrant.filters")
    except ImportError as error:
        raise StoreMisconfigured(
            STORE,
            "The embedded vector store is not installed: there is no wheel of qdrant-edge-py for this platform, "
            "or the extra `embedded` is missing; install it, or set QDRANT_HOST.",
        ) from error
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreMisconfigured(STORE, f"The vector folder {folder} cannot be made: {error.strerror}.") from error
    vectors = EdgeVectors(folder, words)
    try:
        await vectors._ask(vectors._open, OPEN_SECONDS)
    except BaseException:
        await vectors.close()
        raise
    return vectors
