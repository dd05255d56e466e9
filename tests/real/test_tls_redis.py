"""Is Debian's Redis 7 reached by TLS as the settings say, and by nobody else?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest_asyncio

from datadir.names import StoreName
from datadir.redis.client import Redis
from datadir.tls import TlsFiles
from tests.certificates import Authority
from tests.real.conftest import had
from tests.servers import redis
from tests.servers.server import free_ports
from tests.stores.tls_contract import Door, TlsContract


@pytest_asyncio.fixture(scope="module")
async def door(authority: Authority) -> AsyncIterator[Door]:
    """Redis with a port for TLS and one without."""
    [port] = free_ports(1)
    server = authority.server("redis")
    options = ["--tls-port", str(port), "--tls-auth-clients", "yes", "--tls-ca-cert-file", str(authority.file)]
    options += ["--tls-cert-file", str(server.cert), "--tls-key-file", str(server.key)]
    async with had(redis.running("redis 7", *options)) as running:
        yield Door(port, urlsplit(running.settings["REDIS_URL"]).port)


class TestRedis(TlsContract):
    """By the pool that answers operations and by the one for long reads."""

    implementation = "Redis 7"
    store = StoreName.REDIS
    called = "Redis"
    scheme = ", and write rediss:// in REDIS_URL"

    async def reached(self, host: str, port: int, tls: TlsFiles) -> None:
        address = f"{'rediss' if tls else 'redis'}://:{redis.PASSWORD}@{host}:{port}/0"
        opened = await Redis.open(address, tls=tls)
        try:
            await opened.set("tls", "spoken")
            assert (await opened.get("tls"), await opened.raw.get("tls")) == ("spoken", "spoken")
        finally:
            await opened.close()
