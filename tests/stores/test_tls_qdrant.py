"""Is Qdrant reached by TLS as the settings say, and by nobody else? What it says is made up: no registry carries it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from datadir.names import StoreName
from datadir.qdrant.opening import connected
from datadir.tls import TlsFiles
from tests.certificates import Authority
from tests.stores import old_servers
from tests.stores.old_servers import talking
from tests.stores.tls_contract import Door, TlsContract
from tests.tls_front import tls_front


@pytest_asyncio.fixture(scope="module")
async def door(authority: Authority) -> AsyncIterator[Door]:
    """The same answers with TLS and without."""
    async with talking(old_servers.qdrant("1.18.3")) as plain:
        with tls_front(authority, authority.server("qdrant"), plain) as tls:
            yield Door(tls, plain)


class TestQdrant(TlsContract):
    """By qdrant-client over httpx."""

    store = StoreName.QDRANT
    called = "Qdrant"

    async def reached(self, host: str, port: int, tls: TlsFiles) -> None:
        vectors = await connected(host, port, api_key="key" if tls else None, tls=tls)
        try:
            assert await vectors.ping() == "1.18.3"
        finally:
            await vectors.close()
