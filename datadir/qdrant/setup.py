"""How do the collections come into being on a server? `python -m datadir.qdrant.setup`, as often as you like.

Reads QDRANT_HOST, QDRANT_PORT (6333), QDRANT_API_KEY and the files that QDRANT_TLS_CA_FILE and its like name. What
exists stays; what is missing is created; a collection of another shape stops it with a sentence. The embedded engine
needs no setup: its collections are made at the start.
"""

from __future__ import annotations

import asyncio
import os
import sys

from datadir.errors import StoreError
from datadir.names import StoreName
from datadir.qdrant.client import Vectors
from datadir.qdrant.collections import COLLECTIONS
from datadir.qdrant.opening import connected
from datadir.tls import TlsFiles


async def set_up(vectors: Vectors) -> list[str]:
    """Create what is missing; one line per collection, with the points it holds."""
    await vectors.ensure(COLLECTIONS)
    return [f"{collection.name}: {await vectors.count(collection.name)} points" for collection in COLLECTIONS]


async def _main() -> int:
    host = os.environ.get("QDRANT_HOST")
    if not host:
        sys.stderr.write("QDRANT_HOST names no server: set it, or let the embedded store make its own collections.\n")
        return 2
    port, key = int(os.environ.get("QDRANT_PORT") or 6333), os.environ.get("QDRANT_API_KEY") or None
    files = (os.environ.get(f"QDRANT_TLS_{kind}_FILE") or None for kind in ("CA", "CERT", "KEY"))
    try:
        vectors = await connected(host, port, api_key=key, tls=TlsFiles(StoreName.QDRANT, *files))
        try:
            lines = await set_up(vectors)
        finally:
            await vectors.close()
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
