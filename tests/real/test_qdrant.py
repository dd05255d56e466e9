"""Does a Qdrant server keep the promise?"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from datadir.qdrant import client
from datadir.qdrant.client import QdrantVectors
from tests.servers.server import Server
from tests.stores.qdrant_contract import COLLECTION, NAME, VectorsContract


class TestServer(VectorsContract):
    """In a collection of the contract's own."""

    implementation = "Qdrant server"

    @pytest_asyncio.fixture
    async def vectors(self, qdrant_server: Server) -> AsyncIterator[QdrantVectors]:
        settings = qdrant_server.settings
        vectors = await client.opened(
            settings["QDRANT_HOST"], int(settings["QDRANT_PORT"]), api_key=settings.get("QDRANT_API_KEY")
        )
        await vectors._client.delete_collection(NAME)
        await vectors.ensure([COLLECTION])
        yield vectors
        await vectors._client.delete_collection(NAME)
        await vectors.close()
