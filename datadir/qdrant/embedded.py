"""How do vectors rest without any server? In the segments of Qdrant's own engine, inside this process.

`EdgeVectors` keeps the promise of `client.Vectors` on `qdrant-edge-py` (`shards.py`). The engine is synchronous: its
calls run one after the other in one worker thread, so that they can be given a deadline. It keeps the interpreter's
lock while it works, though, so what it does at a time is kept short: a filtered search takes 0.2 ms, an unfiltered one
over 50,000 points 5 ms, 256 points are written in 6 ms.

A write is in the engine's log when it is acknowledged, which outlives `kill -9`; to outlive a power cut, the log's
files are synced here, outside the engine. Its own `flush` writes all segments under the interpreter's lock (10 ms on
an idle disk, half a second on a busy one), so it runs at open and close, and after every 10,000 points, which bounds
what an opening has to replay (60 us a point).

What it does not imitate:
- more than one process: the folder is locked, and a second process is refused with a sentence;
- empty collections: a collection is made with its first point, and reads as empty until then;
- the server: no network, keys, TLS, snapshots by API, aliases, sharding, strict mode;
- an HNSW graph: `optimize()` is never called (its graph lost half the true neighbours of random vectors), so searches
  are exact, and their time grows with the collection (0.2 ms filtered, 5 ms unfiltered on 50,000 points);
- geo filters, named, sparse and multi vectors, prefetch, fusion and recommendation: refused, not ignored.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import cache, partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from datadir.circuit import READ_DEADLINE, Circuit
from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.qdrant.client import (
    STORE,
    WRITE_SECONDS,
    Hit,
    Page,
    PointId,
    Record,
    selected,
)
from datadir.qdrant.collections import Collection
from datadir.qdrant.shards import Shards, said

if TYPE_CHECKING:
    from types import ModuleType

    from datadir.qdrant import models

POINTS_PER_STEP = 256  # reads get their turn between the steps of a large write
OPEN_SECONDS = 60.0
CLOSE_SECONDS = 10.0
WAITING = 320
"""Calls that may wait for the worker thread; one more is refused at once."""

T = TypeVar("T")


class EdgeVectors:
    """`Vectors` in `folder`, for one process. Made by `opened`."""

    def __init__(self, folder: Path, words: ModuleType, deadline: float = READ_DEADLINE) -> None:
        """`words` is `datadir.qdrant.filters`, which can be imported only where the engine is installed."""
        self.deadline = deadline
        self.circuit = Circuit(STORE, most=WAITING)
        self._folder = folder
        self._shards = Shards(folder, words)
        self._closed = False
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="qdrant-edge")

    async def ensure(self, collections: Sequence[Collection]) -> None:
        for _, make in await self._steps(collections):
            await self._ask(make, WRITE_SECONDS)

    async def missing(self, collections: Sequence[Collection]) -> list[str]:
        return [what for what, _ in await self._steps(collections)]

    async def upsert(self, collection: str, points: Sequence[models.PointStruct]) -> None:
        if not points:
            return
        started = perf_counter()
        try:
            async with self._written():
                for start in range(0, len(points), POINTS_PER_STEP):
                    await self._run(partial(self._shards.upsert, collection, points[start : start + POINTS_PER_STEP]))
                await self._synced(collection)
        finally:
            count(STORE, started=started)

    async def query_batch(self, collection: str, requests: Sequence[models.QueryRequest]) -> list[list[Hit]]:
        if not requests:
            return []
        return await self._read(
            lambda: self._shards.query_batch(collection, requests), lambda answers: sum(map(len, answers))
        )

    async def retrieve(self, collection: str, ids: Sequence[PointId]) -> list[Record]:
        if not ids:
            return []
        return await self._read(lambda: self._shards.retrieve(collection, ids), len)

    async def scroll(
        self, collection: str, filter: models.Filter | None = None, *, limit: int = 100, offset: PointId | None = None
    ) -> Page:
        return await self._read(
            lambda: self._shards.scroll(collection, filter, limit, offset), lambda page: len(page.records)
        )

    async def count(self, collection: str, filter: models.Filter | None = None) -> int:
        return await self._read(lambda: self._shards.count(collection, filter), lambda answer: 0)

    async def delete(
        self, collection: str, *, filter: models.Filter | None = None, ids: Sequence[PointId] | None = None
    ) -> None:
        selected(filter, ids)
        if ids is not None and not ids:
            return
        started = perf_counter()
        try:
            async with self._written():
                if await self._run(partial(self._shards.delete, collection, filter, ids)):
                    await self._synced(collection)
        finally:
            count(STORE, started=started)

    async def ping(self) -> str:
        """The engine's version, once its thread has answered for every collection that is open."""
        await self._ask(self._shards.look, self.deadline)
        return f"edge {await asyncio.to_thread(_version)}"

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._ask(self._shards.close, CLOSE_SECONDS)
        self._worker.shutdown(wait=False)

    async def _steps(self, collections: Sequence[Collection]) -> list[tuple[str, Callable[[], None]]]:
        return await self._ask(
            lambda: [step for each in collections for step in self._shards.missing(each)], WRITE_SECONDS
        )

    # The one way into the worker thread.

    async def _read(self, work: Callable[[], T], rows: Callable[[T], int]) -> T:
        """One counted read. Not repeated: what an engine in our own process refuses once, it refuses twice."""
        started, found = perf_counter(), 0
        try:
            with self.circuit.asked():
                answer = await self._ask(work, self.deadline)
            found = rows(answer)
            return answer
        finally:
            count(STORE, started=started, rows=found)

    @asynccontextmanager
    async def _written(self) -> AsyncIterator[None]:
        """One write of several steps."""
        with self.circuit.asked():
            async with _within(WRITE_SECONDS):
                yield

    async def _ask(self, work: Callable[[], T], deadline: float) -> T:
        # As `_within`, which is a generator more: a tenth of a small read.
        try:
            async with asyncio.timeout(deadline):
                return await self._run(work)
        except TimeoutError as error:
            raise _too_slow(deadline) from error

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


@asynccontextmanager
async def _within(deadline: float) -> AsyncIterator[None]:
    """Bound what is awaited inside; a step that already runs in the worker thread ends on its own."""
    try:
        async with asyncio.timeout(deadline):
            yield
    except TimeoutError as error:
        raise _too_slow(deadline) from error


def _too_slow(deadline: float) -> StoreTimeout:
    return StoreTimeout(STORE, f"qdrant did not answer within {deadline} s")


def _guarded(work: Callable[[], T]) -> T:
    """Run `work` in the worker thread; whatever the engine throws becomes a `StoreError`."""
    try:
        return work()
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(STORE, said(error)) from error
    except BaseException as error:
        # A panic of the Rust engine derives from BaseException: unhandled, it would end the event loop.
        if type(error).__name__ != "PanicException":
            raise
        raise StoreUnavailable(STORE, f"the embedded vector store failed: {said(error)}") from error


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


@cache
def _version() -> str:
    """Of the wheel, whose files say it."""
    return version("qdrant-edge-py")


async def opened(folder: Path, *, deadline: float = READ_DEADLINE) -> EdgeVectors:
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
    vectors = EdgeVectors(folder, words, deadline)
    try:
        await vectors._ask(vectors._shards.open, OPEN_SECONDS)
    except BaseException:
        await vectors.close()
        raise
    return vectors
