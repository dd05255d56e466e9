"""Which sentence is read where a store cannot be opened as the settings say, and does any of them repeat a password?

Certificates have their own tests (`tls_contract.py`), and so have servers that are too old (`test_too_old.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from datadir.cassandra.client import CassandraSeries
from datadir.errors import StoreMisconfigured
from datadir.kafka.client import KafkaEventLog
from datadir.kafka.opening import Brokers
from datadir.migrations import migrate
from datadir.minio.client import S3Objects
from datadir.mongodb.client import Documents
from datadir.postgresql import opening
from datadir.postgresql.client import Postgres
from datadir.qdrant.opening import connected
from datadir.redis.client import Redis
from tests.servers import postgresql
from tests.servers.postgresql import PostgresServer
from tests.stores import old_servers
from tests.stores.old_servers import Talk, talking
from tests.stores.postgres_fixture import Database

SECRET = "wrong-secret"
NOWHERE = "no-such-host.invalid"


async def refusal(attempt: Awaitable[object]) -> str:
    """The sentence with which a start fails."""
    with pytest.raises(StoreMisconfigured) as refused:
        await attempt
    assert SECRET not in repr(refused.value)
    return str(refused.value)


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that hears everything and never answers."""
    await reader.read()


@pytest_asyncio.fixture(scope="module")
async def server() -> AsyncIterator[PostgresServer]:
    """A PostgreSQL that asks for passwords."""
    async with postgresql.running(18, {}) as server:
        yield server


class TestPostgreSQL:
    """A server with passwords, reached by TCP."""

    @asynccontextmanager
    async def changed(self, server: PostgresServer, there: str, back: str) -> AsyncIterator[None]:
        """While this lasts the operator has changed something."""
        operator = await asyncpg.connect(server.admin_dsn)
        try:
            await operator.execute(there)
            yield
        finally:
            await operator.execute(back)
            await operator.close()

    async def test_a_wrong_password_or_user(self, server: PostgresServer) -> None:
        user = urlsplit(server.dsn).username
        for who in (f"{user}:{SECRET}", f"nobody:{SECRET}"):
            dsn = f"postgresql://{who}@{server.dsn.rpartition('@')[2]}"
            for attempt in (migrate.upgrade(dsn), Postgres.open(dsn)):
                assert await refusal(attempt) == "PostgreSQL refuses the user or password of DATABASE_URL."

    async def test_a_database_that_is_not_there(self, server: PostgresServer) -> None:
        assert await refusal(migrate.upgrade(server.database("another"))) == (
            'PostgreSQL has no such database: database "another" does not exist.'
        )

    async def test_a_server_that_has_no_connections_left(self, server: PostgresServer) -> None:
        address = urlsplit(server.dsn)
        where, database = f"{address.hostname}:{address.port}", address.path[1:]
        await migrate.upgrade(server.dsn)
        limit = f'alter database "{database}" connection limit'
        async with self.changed(server, f"{limit} 3", f"{limit} -1"):
            assert await refusal(Postgres.open(server.dsn, min_size=10)) == (
                f"PostgreSQL at {where} has no connections left for the program: "
                f'too many connections for database "{database}".'
            )

    async def test_a_role_that_the_program_may_not_work_as(self, server: PostgresServer) -> None:
        address = urlsplit(server.dsn)
        await migrate.upgrade(server.dsn)
        user = address.username
        async with self.changed(
            server, f"revoke studygraph_app from {user} cascade", f"grant studygraph_app to {user} with admin option"
        ):
            assert await refusal(Postgres.open(server.dsn)) == (
                'PostgreSQL refuses the connection: permission denied to set role "studygraph_app".'
            )

    async def test_a_host_that_nobody_knows(self) -> None:
        assert await refusal(migrate.upgrade(f"postgresql://school:{SECRET}@{NOWHERE}/school")) == (
            f"DATABASE_URL names a host that nobody knows: {NOWHERE}."
        )

    async def test_nobody_listens(self) -> None:
        assert await refusal(migrate.upgrade(f"postgresql://school:{SECRET}@127.0.0.1:9/school")) == (
            "DATABASE_URL names a server that does not answer: nothing listens at 127.0.0.1:9."
        )

    async def test_a_server_that_is_silent(self) -> None:
        async with talking(says_nothing) as port:
            dsn = f"postgresql://school:{SECRET}@127.0.0.1:{port}/school?sslmode=disable"
            assert await refusal(opening.connected(dsn, within=0.2)) == (
                f"DATABASE_URL names a server that does not answer: 127.0.0.1:{port} is silent."
            )

    @pytest.mark.parametrize("dsn", ["school", "mysql://school@db/school", "postgresql://db:x/school"])
    async def test_what_is_no_address(self, dsn: str) -> None:
        assert await refusal(migrate.upgrade(dsn)) == (
            "DATABASE_URL must look like postgresql://user:password@host:5432/name."
        )


class TestRedis:
    """Wrong passwords and hosts: `redis_contract.py`, `test_tls_files.py`."""

    async def test_a_user_who_may_not_do_what_the_program_does(self, redis_url: str) -> None:
        operator, user = await Redis.open(redis_url), f"reader-{uuid4().hex[:8]}"
        rules: dict[str, tuple[str, ...]] = {"info": ("+ping",), "script|load": ("+info", "+ping")}
        for command, allowed in rules.items():
            await operator.raw.execute_command("ACL", "SETUSER", user, "reset", "on", f">{SECRET}", "~*", *allowed)
            sentence = await refusal(
                Redis.open(redis_url.replace("unix://", f"unix://{user}:{SECRET}@"), scripts=["return 1"])
            )
            assert sentence == (
                f"Redis does not let the user in REDIS_URL do what the program does: User {user} has no permissions "
                f"to run the '{command}' command."
            )
        await operator.raw.execute_command("ACL", "DELUSER", user)
        await operator.close()


class TestMongodb:
    """Wrong passwords: `mongodb_contract.py`."""

    async def test_a_host_that_nobody_knows(self) -> None:
        url = f"mongodb://school:{SECRET}@{NOWHERE}:27017/school"
        assert await refusal(Documents.open(url, within=0.5, min_connections=0)) == (
            f"MONGODB_URL names a host that nobody knows: {NOWHERE}."
        )

    async def test_a_user_who_may_not_make_collections(self) -> None:
        async with talking(old_servers.mongodb("7.0.14", 21, refused="create")) as port:
            documents = await Documents.open(f"mongodb://127.0.0.1:{port}/school", min_connections=0)
            assert await refusal(documents.prepare()) == (
                "MongoDB does not let the user in MONGODB_URL run `create`: give it the roles readWrite and dbAdmin."
            )
            await documents.close()


class TestQdrant:
    """What it says over HTTP."""

    def refusing(self, status: int) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while head := await reader.readuntil(b"\r\n\r\n"):
                heard = status if f"api-key: {SECRET}\r\n".encode() in head else 400
                writer.write(f"HTTP/1.1 {heard} -\r\ncontent-length: 0\r\n\r\n".encode())

        return talk

    @pytest.mark.parametrize("status", [401, 403])
    async def test_a_wrong_key(self, status: int) -> None:
        async with talking(self.refusing(status)) as port:
            assert await refusal(connected("127.0.0.1", port, api_key=SECRET)) == (
                "Qdrant refuses the API key: set QDRANT_API_KEY to one that may read and write."
            )

    async def test_a_host_that_nobody_knows(self) -> None:
        assert await refusal(connected(NOWHERE, 6333, api_key=None)) == (
            f"QDRANT_HOST names a host that nobody knows: {NOWHERE}."
        )

    async def test_nobody_listens(self) -> None:
        assert await refusal(connected("127.0.0.1", 9, api_key=None)) == (
            "QDRANT_HOST names a server that does not answer: nothing listens at 127.0.0.1:9."
        )


class TestKafka:
    """Wrong users and passwords: `tests/real/test_tls_kafka.py`."""

    @pytest.mark.parametrize(
        ("servers", "sentence"),
        [
            (f"{NOWHERE}:9092", f"KAFKA_BOOTSTRAP_SERVERS names a host that nobody knows: {NOWHERE}."),
            ("127.0.0.1:x", "KAFKA_BOOTSTRAP_SERVERS must look like host:9092,host:9092, and not 127.0.0.1:x."),
        ],
    )
    async def test_what_is_no_address_of_it(self, servers: str, sentence: str, database: Database) -> None:
        assert await refusal(KafkaEventLog.open(Brokers(servers), database.pg, database.keys)) == sentence


Opening = Callable[[], Awaitable[object]]


@pytest.mark.parametrize(
    ("address", "attempt"),
    [
        ("CASSANDRA_HOST", lambda: CassandraSeries.open([NOWHERE], secret="one")),
        ("S3_ENDPOINT_URL", lambda: S3Objects.open(f"http://{NOWHERE}:9000", "school", access_key="a", secret_key="b")),
    ],
)
async def test_a_host_that_nobody_knows(address: str, attempt: Opening) -> None:
    assert await refusal(attempt()) == f"{address} names a host that nobody knows: {NOWHERE}."
