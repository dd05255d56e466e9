"""What is asked of Redis, by ours and by redis-py's own client?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from redis import asyncio as driver

from bench.stores.pair import SIZES, Ask, Pair, reads
from datadir.redis import opening
from datadir.redis.client import CONNECTIONS, Redis

LIFETIME = 600


@asynccontextmanager
async def pairs(url: str, *, cluster: bool = False) -> AsyncIterator[list[Pair]]:
    """Texts by key, and a new one. redis-py's cluster client has no MGET over slots: its `mget_nonatomic` is."""
    ours_client = await Redis.open(url, deadline=5.0)
    bare_client: Any = (
        opening.cluster(url, CONNECTIONS) if cluster else driver.Redis.from_pool(opening.pool(url, CONNECTIONS))
    )
    keys = [f"bench:{{{uuid4()}}}" for _ in range(max(SIZES))]
    await ours_client.send([("SET", key, "x" * 200, "EX", LIFETIME) for key in keys])

    def ours(size: int) -> Ask:
        return lambda: ours_client.read_many(keys[:size])

    def bare(size: int) -> Ask:
        return lambda: (bare_client.mget_nonatomic if cluster else bare_client.mget)(keys[:size])

    written = Pair(
        "write",
        lambda: ours_client.set(f"bench:{{{uuid4()}}}", "x" * 200, ttl=LIFETIME),
        lambda: bare_client.set(f"bench:{{{uuid4()}}}", "x" * 200, ex=LIFETIME),
    )
    try:
        yield [*reads(ours, bare), written]
    finally:
        await bare_client.aclose()
        await ours_client.close()
