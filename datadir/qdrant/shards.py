"""What does Qdrant's engine do in this process? One shard per collection in one folder, every call synchronous.

`embedded.py` calls all of it from one worker thread; nothing here waits for anything but the engine. A collection has
no shard until its first point comes: an empty one would cost each start 20 ms and the first 0.2 s.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from datadir.errors import StoreMisconfigured
from datadir.qdrant.client import STORE, Hit, Page, PointId, Record, wrong_shape
from datadir.qdrant.collections import Collection

if TYPE_CHECKING:
    from types import ModuleType

    import qdrant_edge

    from datadir.qdrant import models

POINTS_PER_FLUSH: Final = 10_000
UNFINISHED: Final = ".new"


class Shards:
    """The collections in `folder`, once `open` has opened them."""

    def __init__(self, folder: Path, words: ModuleType) -> None:
        """`words` is `datadir.qdrant.filters`, which can be imported only where the engine is installed."""
        self._folder = folder
        self._words = words
        self._edge: Any = words.edge
        self._shards: dict[str, qdrant_edge.EdgeShard] = {}
        self._known: dict[str, Collection] = {}
        self._lock: int | None = None
        self._unflushed = 0

    def open(self) -> None:
        """Open every collection there is: a read has no time for it, and damage should stop the start."""
        # The engine locks each log; without a collection there is none.
        self._lock = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _held(self._folder) from error
        for path in sorted(self._folder.iterdir()):
            if path.suffix == UNFINISHED:
                shutil.rmtree(path)
            elif path.is_dir():
                self._load(path)

    def close(self) -> None:
        """Write everything to its place and let go of the folder."""
        while self._shards:
            _, shard = self._shards.popitem()
            shard.flush()
            shard.close()
        self._known.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def shard(self, name: str) -> qdrant_edge.EdgeShard | None:
        """None for a collection that has no points yet."""
        if name not in self._shards and name not in self._known:
            raise StoreMisconfigured(STORE, f"There is no vector collection {name!r}.")
        return self._shards.get(name)

    def look(self) -> None:
        """Have every open collection answer."""
        for shard in self._shards.values():
            shard.info()

    def missing(self, collection: Collection) -> list[tuple[str, Callable[[], None]]]:
        """What a collection with points lacks: a phrase for people, and what makes it. From here on the collection is
        known, and may be written."""
        name, shard = collection.name, self._shards.get(collection.name)
        known = self._known.setdefault(name, collection)
        size, distance = (known.size, known.distance) if shard is None else _stored_shape(self._folder / name)
        if (size, distance) != (collection.size, collection.distance):
            raise StoreMisconfigured(STORE, wrong_shape(collection, f"{size} floats, {distance}"))
        if shard is None:
            return []
        there = shard.info().payload_schema.keys()
        return [
            (f"index {field} of {name}", partial(self._index, shard, field, kind))
            for field, kind in collection.indexes.items()
            if field not in there
        ]

    # What is asked is said first in the engine's words: what they lack is refused also where there are no points.

    def upsert(self, name: str, points: Sequence[models.PointStruct]) -> None:
        edge = self._edge
        made = [edge.Point(id=point.id, vector=point.vector, payload=point.payload or {}) for point in points]
        shard = self.shard(name) or self._made(self._known[name])
        shard.update(edge.UpdateOperation.upsert_points(made))
        self._unflushed += len(made)
        if self._unflushed >= POINTS_PER_FLUSH:
            self._unflushed = 0
            for each in self._shards.values():
                each.flush()

    def query_batch(self, name: str, requests: Sequence[models.QueryRequest]) -> list[list[Hit]]:
        batch = self._edge.QueryBatchRequest([self._words.edge_request(request) for request in requests])
        shard = self.shard(name)
        if shard is None:
            return [[] for _ in requests]
        return [
            [Hit(str(point.id), point.score, point.payload or {}) for point in points]
            for points in shard.query_batch(batch)
        ]

    def retrieve(self, name: str, ids: Sequence[PointId]) -> list[Record]:
        asked = dict.fromkeys(map(str, ids))
        shard = self.shard(name)
        found = [] if shard is None else shard.retrieve([*asked], with_payload=True, with_vector=False)
        # The engine makes the id and the payload anew each time they are looked at.
        payloads = {str(point.id): point.payload or {} for point in found}
        return [Record(each, payloads[each]) for each in asked if each in payloads]

    def scroll(self, name: str, filter: models.Filter | None, limit: int, offset: PointId | None) -> Page:
        request = self._edge.ScrollRequest(
            offset=None if offset is None else str(offset),
            limit=limit,
            filter=self._words.edge_filter(filter),
            with_payload=True,
            with_vector=False,
        )
        shard = self.shard(name)
        if shard is None:
            return Page([], None)
        points, following = shard.scroll(request)
        records = [Record(str(point.id), point.payload or {}) for point in points]
        return Page(records, None if following is None else str(following))

    def count(self, name: str, filter: models.Filter | None) -> int:
        request = self._edge.CountRequest(filter=self._words.edge_filter(filter), exact=True)
        shard = self.shard(name)
        return 0 if shard is None else int(shard.count(request))

    def delete(self, name: str, filter: models.Filter | None, ids: Sequence[PointId] | None) -> bool:
        """Whether there was a log to write that into."""
        operation = self._edge.UpdateOperation
        if ids is not None:
            change = operation.delete_points([str(point) for point in ids])
        else:
            change = operation.delete_points_by_filter(self._words.edge_filter(filter))
        shard = self.shard(name)
        if shard is None:
            return False
        shard.update(change)
        return True

    def _load(self, path: Path) -> qdrant_edge.EdgeShard:
        try:
            # One search thread: calls come one at a time, and the cores belong to the server. The engine does not
            # store that, and wants the shape said again to be told it.
            config = self._edge.EdgeConfig(vectors=self._shape(*_stored_shape(path)), max_search_threads=1)
            shard: qdrant_edge.EdgeShard = self._edge.EdgeShard.load(str(path), config)
            shard.flush()
        except BaseException as error:  # a panic of the engine is one, and damage makes it panic
            if "WouldBlock" in str(error):
                raise _held(path) from error
            raise StoreMisconfigured(
                STORE, f"The vector folder {path} is damaged ({said(error)}): move it away to start anew."
            ) from error
        self._shards[path.name] = shard
        return shard

    def _made(self, collection: Collection) -> qdrant_edge.EdgeShard:
        # Made aside and renamed, so that a process killed half way leaves no half collection.
        path = self._folder / collection.name
        aside = path.with_suffix(UNFINISHED)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        vectors = self._shape(collection.size, collection.distance)
        graph = self._edge.HnswIndexConfig(
            m=collection.m, ef_construct=collection.ef_construct, full_scan_threshold=10_000
        )
        self._edge.EdgeShard.create(str(aside), self._edge.EdgeConfig(vectors=vectors, hnsw_config=graph)).close()
        aside.rename(path)
        shard = self._load(path)
        for field, kind in collection.indexes.items():
            self._index(shard, field, kind)
        return shard

    def _index(self, shard: qdrant_edge.EdgeShard, field: str, kind: str) -> None:
        schema = getattr(self._edge.PayloadSchemaType, kind.capitalize())
        shard.update(self._edge.UpdateOperation.create_field_index(field, schema))

    def _shape(self, size: int, distance: str) -> qdrant_edge.EdgeVectorParams:
        params: qdrant_edge.EdgeVectorParams = self._edge.EdgeVectorParams(
            size=size, distance=getattr(self._edge.Distance, distance)
        )
        return params


def said(error: BaseException) -> str:
    """The engine's words, on one line."""
    return " ".join(str(error).removeprefix("Service runtime error: ").split())[:300]


def _held(path: Path) -> StoreMisconfigured:
    return StoreMisconfigured(STORE, f"Another process holds the vector folder {path}.")


def _stored_shape(path: Path) -> tuple[int, str]:
    """Size and distance of the shard at `path`: the engine does not say them, the file that it keeps does."""
    vectors = json.loads((path / "edge_config.json").read_bytes())["vectors"][""]
    return vectors["size"], vectors["distance"]
