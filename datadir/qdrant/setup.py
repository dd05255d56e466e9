"""How do the collections come into being on a server? `python -m datadir.qdrant.setup`, as often as you like.

Reads QDRANT_HOST, QDRANT_PORT (6333) and QDRANT_API_KEY. What exists stays; what is missing is created; a collection
of another shape stops it with a sentence. The embedded engine needs no setup: its collections are made at the start.
"""

from __future__ import annotations

import asyncio
import os
import sys

from datadir.errors import StoreError
from datadir.qdrant.client import Vectors, opened
from datadir.qdrant.collections import COLLECTIONS


async def set_up(vectors: Vectors) -> list[str]:
    """Create what is missing; one line per collection, with the points it holds."""
    await vectors.ensure(COLLECTIONS)
    return [f"{collection.name}: {await vectors.count(collection.name)} points" for collection in COLLECTIONS]


async def _main() -> int:
    host = os.environ.get("QDRANT_HOST")
    if not host:
        sys.stderr.write("QDRANT_HOST names no server: set it, or let the embedded store make its own collections.\n")
        return 2
    vectors = await opened(
        host, int(os.environ.get("QDRANT_PORT") or 6333), api_key=os.environ.get("QDRANT_API_KEY") or None
    )
    try:
        lines = await set_up(vectors)
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        await vectors.close()
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
