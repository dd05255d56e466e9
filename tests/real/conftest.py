"""Which real servers do these tests run on? Each is started when the first test asks for it, and ends with the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio

STORES = Path(__file__).parents[1] / "stores"
pytest.register_assert_rewrite(
    *(f"tests.stores.{contract.stem}" for contract in STORES.glob("*_contract.py")),
    "tests.stores.recovery",
    "tests.stores.relay",
)
from tests.real import outcome  # noqa: E402
from tests.real.databases import migrated  # noqa: E402
from tests.servers import cassandra, kafka, mongodb, postgresql, qdrant, redis, versitygw  # noqa: E402
from tests.servers.postgresql import PostgresServer  # noqa: E402
from tests.servers.server import Absent, Server  # noqa: E402
from tests.stores.postgres_fixture import Database  # noqa: E402

S = TypeVar("S", bound=Server)


def pytest_configure(config: pytest.Config) -> None:
    """One process sees what became of every test: the one that starts the workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(outcome.Outcome(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each report says which promise the test kept, and on what. Of other folders only such tests run here."""
    mine = Path(__file__).parent
    promises = [(item, outcome.kept_by(item)) for item in items]
    others = {item for item, kept in promises if not kept and mine not in item.path.parents}
    for item, kept in promises:
        item.user_properties += kept
    items[:] = [item for item in items if item not in others]
    if others:
        next(iter(others)).config.hook.pytest_deselected(items=list(others))


@asynccontextmanager
async def had(server: AbstractAsyncContextManager[S]) -> AsyncIterator[S]:
    """The server, or a skip that says why there is none."""
    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(server)
        except Absent as absent:
            pytest.skip(str(absent))
        yield running


@pytest_asyncio.fixture(scope="session")
async def postgresql_18() -> AsyncIterator[PostgresServer]:
    """PostgreSQL 18 with pgvector."""
    async with had(postgresql.running(18)) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def postgresql_16() -> AsyncIterator[PostgresServer]:
    """PostgreSQL 16 with pgvector."""
    async with had(postgresql.running(16)) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def postgresql_15() -> AsyncIterator[PostgresServer]:
    """Debian's PostgreSQL 15, without pgvector."""
    async with had(postgresql.running(15)) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def database_18(postgresql_18: PostgresServer) -> AsyncIterator[Database]:
    """A database with the program's schema on PostgreSQL 18."""
    async with migrated(postgresql_18) as database:
        yield database


@pytest_asyncio.fixture(scope="session")
async def database_16(postgresql_16: PostgresServer) -> AsyncIterator[Database]:
    """A database with the program's schema on PostgreSQL 16."""
    async with migrated(postgresql_16) as database:
        yield database


@pytest_asyncio.fixture(scope="session")
async def database_15(postgresql_15: PostgresServer) -> AsyncIterator[Database]:
    """A database with the program's schema on PostgreSQL 15."""
    async with migrated(postgresql_15) as database:
        yield database


@pytest_asyncio.fixture(scope="session")
async def valkey_9() -> AsyncIterator[Server]:
    """Valkey 9 by TCP."""
    async with had(redis.running("valkey 9")) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def redis_7() -> AsyncIterator[Server]:
    """Debian's Redis 7 with a password."""
    async with had(redis.running("redis 7")) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def redis_cluster() -> AsyncIterator[Server]:
    """Three masters of Redis 7 with a password."""
    async with had(redis.running("cluster")) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def mongodb_server() -> AsyncIterator[Server]:
    """MongoDB, or what speaks like it."""
    async with had(mongodb.running()) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def qdrant_server() -> AsyncIterator[Server]:
    """Qdrant, where one is named."""
    async with had(qdrant.running()) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def cassandra_server() -> AsyncIterator[Server]:
    """Cassandra that asks for no account."""
    async with had(cassandra.running()) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def cassandra_with_accounts() -> AsyncIterator[Server]:
    """Cassandra that asks for one."""
    async with had(cassandra.running(accounts=True)) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def kafka_server() -> AsyncIterator[Server]:
    """Kafka."""
    async with had(kafka.running()) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def s3_server() -> AsyncIterator[Server]:
    """An S3 server."""
    async with had(versitygw.running()) as server:
        yield server
