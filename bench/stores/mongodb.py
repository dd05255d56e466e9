"""What is asked of MongoDB, by ours and by motor?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorClient

from bench.stores.pair import SIZES, Ask, Pair, reads
from datadir.mongodb.client import DATABASE, Documents


@asynccontextmanager
async def pairs(url: str) -> AsyncIterator[list[Pair]]:
    """Documents by id, and a new one, which is in the journal."""
    documents = await Documents.open(url, deadline=60.0)
    client: Any = AsyncIOMotorClient(url, journal=True, tz_aware=True)
    name = f"bench_{uuid4().hex}"
    collection = client.get_default_database(DATABASE)[name]
    ids = [str(uuid4()) for _ in range(max(SIZES))]
    await documents.insert_many(name, [{"_id": each, "text": "x" * 200, "number": 7} for each in ids])

    def ours(size: int) -> Ask:
        return lambda: documents.find(name, {"_id": {"$in": ids[:size]}}, limit=size)

    def bare(size: int) -> Ask:
        return lambda: collection.find({"_id": {"$in": ids[:size]}}, limit=size, batch_size=size).to_list(None)

    def document() -> dict[str, Any]:
        return {"_id": str(uuid4()), "text": "x" * 200, "number": 7}

    written = Pair(
        "write",
        lambda: documents.insert_many(name, [document()]),
        lambda: collection.insert_many([document()]),
    )
    try:
        yield [*reads(ours, bare), written]
    finally:
        await documents.raw.drop_collection(name)
        client.close()
        await documents.close()
