"""Is Cassandra reached by TLS as the settings say, and by nobody else? Through a door before it that speaks TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio

from datadir.cassandra.client import CassandraSeries
from datadir.cassandra.tables import USER_ENGAGEMENT
from datadir.names import StoreName
from datadir.tls import TlsFiles
from tests.certificates import GOOD_HOST, OTHER_HOST, Authority
from tests.servers.server import Server
from tests.stores.series_contract import day
from tests.stores.tls_contract import Door, TlsContract
from tests.tls_front import tls_front


@pytest_asyncio.fixture(scope="module")
async def door(authority: Authority, cassandra_server: Server) -> AsyncIterator[Door]:
    """The same node with TLS and without."""
    plain = int(cassandra_server.settings["CASSANDRA_PORT"])
    with tls_front(authority, authority.server("cassandra"), plain) as tls:
        yield Door(tls, plain)


class TestCassandra(TlsContract):
    """By cassandra-driver, whose sockets block in threads of its own."""

    implementation = "Cassandra 5"
    store = StoreName.CASSANDRA
    called = "Cassandra"

    async def reached(self, host: str, port: int, tls: TlsFiles) -> None:
        series = await CassandraSeries.open([host], port=port, secret="one", keyspace="tls", tls=tls)
        try:
            somebody = uuid4()
            await series.write(USER_ENGAGEMENT, [day(somebody, 0)])
            assert await series.read(USER_ENGAGEMENT, [(somebody,)]) == [[day(somebody, 0)]]
        finally:
            await series.close()

    async def test_a_certificate_for_another_host_is_refused(
        self, door: Door, files: TlsFiles, authority: Authority
    ) -> None:
        # By whatever name a node is given, the driver knows it by its address.
        await self.reached(OTHER_HOST, door.tls, files)
        with tls_front(authority, authority.server("elsewhere", host="127.0.0.9"), door.plain) as elsewhere:
            assert await self.refusal(GOOD_HOST, elsewhere, files) == (
                f"The certificate of Cassandra at {GOOD_HOST}:{elsewhere} is for another host name."
            )
