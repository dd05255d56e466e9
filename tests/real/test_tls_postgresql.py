"""Is Debian's PostgreSQL 15 reached by TLS as the settings say, and by nobody else? The wheels' servers have no TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from datadir.addresses import Addresses
from datadir.errors import StoreMisconfigured
from datadir.migrations import migrate
from datadir.names import StoreName
from datadir.postgresql.client import Postgres
from datadir.tls import TlsFiles
from tests.certificates import GOOD_HOST, Authority, owned_by
from tests.real.conftest import had
from tests.servers import postgresql
from tests.servers.postgresql import DATABASE, OWNER, PASSWORD, PostgresServer
from tests.stores.tls_contract import Door, TlsContract

# The operator asks without a certificate; the program has to show one.
_ENTRIES = f"""\
hostssl all {OWNER} 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
host    all postgres 127.0.0.1/32 scram-sha-256
"""


@pytest_asyncio.fixture(scope="module")
async def door(authority: Authority, postgresql_16: PostgresServer) -> AsyncIterator[Door]:
    """PostgreSQL with TLS; another speaks without."""
    server = owned_by(authority.server("postgresql"), "postgres")
    entries = authority.file.with_name("pg_hba.conf")
    entries.write_text(_ENTRIES)
    settings = {"ssl": "on", "ssl_cert_file": server.cert, "ssl_key_file": server.key, "ssl_ca_file": authority.file}
    chosen = {name: str(value) for name, value in settings.items()} | {"hba_file": str(entries)}
    async with had(postgresql.running(15, chosen)) as running:
        yield Door(urlsplit(running.dsn).port or 0, urlsplit(postgresql_16.dsn).port or 0)


class TestPostgresql(TlsContract):
    """By the owner's own connections, Alembic's and the pool."""

    implementation = "PostgreSQL 15"
    store = StoreName.POSTGRESQL
    called = "PostgreSQL"

    async def reached(self, host: str, port: int, tls: TlsFiles) -> None:
        url = f"postgresql+asyncpg://{OWNER}:{PASSWORD}@{host}:{port}/{DATABASE}"
        where = Addresses(secret="", public_url="", database_url=url, tls={self.store: tls})
        await migrate.upgrade(where.postgresql_dsn)
        pg = await Postgres.open(where.postgresql_dsn, min_size=1, tls=await tls.context())
        owner = await asyncpg.connect(where.postgresql_dsn)
        try:
            rows = await owner.fetch(
                "select s.version, s.client_dn from pg_stat_ssl s join pg_stat_activity a using (pid) "
                "where a.application_name = 'studygraph' or pid = pg_backend_pid()"
            )
            assert [tuple(row) for row in rows] == [("TLSv1.3", "/CN=studygraph")] * 2
        finally:
            await owner.close()
            await pg.close()

    @pytest.mark.parametrize("mode", ["disable", "prefer"])
    async def test_no_tls_to_a_port_with_it_is_a_sentence(self, door: Door, ca_setting: str, mode: str) -> None:
        # Unless told not to, asyncpg tries TLS first, without a certificate here, and then without TLS.
        dsn = f"postgresql://{OWNER}:{PASSWORD}@{GOOD_HOST}:{door.tls}/{DATABASE}?sslmode={mode}"
        with pytest.raises(StoreMisconfigured) as refused:
            await migrate.upgrade(dsn)
        assert str(refused.value) == (
            f'PostgreSQL refuses the connection: no pg_hba.conf entry for host "{GOOD_HOST}", user "{OWNER}", '
            f'database "{DATABASE}", no encryption.'
        )

    async def test_the_address_may_not_say_the_contrary(self, files: TlsFiles) -> None:
        where = Addresses(
            secret="", public_url="", database_url="postgresql://db/x?sslmode=disable", tls={self.store: files}
        )
        with pytest.raises(StoreMisconfigured) as refused:
            _ = where.postgresql_dsn
        assert str(refused.value) == (
            "DATABASE_TLS_CA_FILE is set, and DATABASE_URL says sslmode=disable: keep one of the two."
        )
