"""What is asked of vectors, by ours and by the engine or qdrant-client?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from bench.stores.pair import SIZES, Ask, Pair, reads
from datadir.qdrant import embedded
from datadir.qdrant.client import Vectors, opened
from datadir.qdrant.collections import Collection

DEADLINE: Final = 10.0
COLLECTION: Final = Collection("bench", payload={"text": "string"}, indexes={}, size=8)


@asynccontextmanager
async def embedded_pairs(folder: Path) -> AsyncIterator[list[Pair]]:
    """Points by id, and a new one, on the engine in this process; bare: the engine in a thread."""
    vectors = await embedded.opened(folder, deadline=DEADLINE)
    try:
        ids = await _filled(vectors)
        edge = vectors._shards._edge
        shard: Any = vectors._shards.shard(COLLECTION.name)
        worker = ThreadPoolExecutor(1)
        loop = asyncio.get_running_loop()

        def bare(size: int) -> Ask:
            def read() -> list[Any]:
                # The engine makes ids and payloads when they are looked at, so whoever wants them pays for it.
                points = shard.retrieve(ids[:size], with_payload=True, with_vector=False)
                return [(str(point.id), point.payload) for point in points]

            return lambda: loop.run_in_executor(worker, read)

        def write() -> None:
            shard.update(edge.UpdateOperation.upsert_points([edge.Point(**_point())]))
            embedded._sync(folder / COLLECTION.name / "wal")

        yield [*_ours(vectors, ids, bare), _written(vectors, lambda: loop.run_in_executor(worker, write))]
        worker.shutdown()
    finally:
        await vectors.close()


@asynccontextmanager
async def server_pairs(settings: Mapping[str, str]) -> AsyncIterator[list[Pair]]:
    """The same on a server."""
    from qdrant_client import AsyncQdrantClient

    from datadir.qdrant import models

    host, port, key = settings["QDRANT_HOST"], int(settings.get("QDRANT_PORT", "6333")), settings.get("QDRANT_API_KEY")
    vectors = await opened(host, port, api_key=key, deadline=DEADLINE)
    client = AsyncQdrantClient(host=host, port=port, headers=None if key is None else {"api-key": key}, https=False)
    try:
        ids = await _filled(vectors)

        def bare(size: int) -> Ask:
            return lambda: client.retrieve(COLLECTION.name, ids=ids[:size])

        async def write() -> None:
            await client.upsert(COLLECTION.name, points=[models.PointStruct(**_point())], wait=True)

        yield [*_ours(vectors, ids, bare), _written(vectors, write)]
    finally:
        await client.delete_collection(COLLECTION.name)
        await client.close()
        await vectors.close()


async def _filled(vectors: Vectors) -> list[str]:
    from datadir.qdrant import models

    await vectors.ensure([COLLECTION])
    points = [models.PointStruct(**_point()) for _ in range(max(SIZES))]
    await vectors.upsert(COLLECTION.name, points)
    return [str(point.id) for point in points]


def _ours(vectors: Vectors, ids: list[str], bare: Any) -> list[Pair]:
    def ours(size: int) -> Ask:
        return lambda: vectors.retrieve(COLLECTION.name, ids[:size])

    return reads(ours, bare)


def _written(vectors: Vectors, bare: Ask) -> Pair:
    from datadir.qdrant import models

    return Pair("write", lambda: vectors.upsert(COLLECTION.name, [models.PointStruct(**_point())]), bare)


def _point() -> dict[str, Any]:
    return {"id": str(uuid4()), "vector": [0.5, 0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3], "payload": {"text": "x" * 200}}
