"""What does the program open in the stores that settings name, and what is left when it has closed them?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from redis.asyncio import BlockingConnectionPool

from datadir import data_folder
from datadir.addresses import Addresses
from datadir.data_folder import DataFolder
from datadir.errors import StoreMisconfigured
from datadir.launcher import Launcher
from datadir.names import StoreName
from datadir.postgresql import embedded as embedded_postgresql
from datadir.postgresql.embedded import DATABASE, PostgresAddress
from datadir.redis.client import CONNECTIONS, LONG_READS, Redis
from datadir.stores import Stores, open_stores
from tests.folders import passable_folder
from tests.stores.postgresql_pool_contract import eventually

OURS = "select count(*) from pg_stat_activity where application_name = 'studygraph' and datname = current_database()"


class Noting(AsyncExitStack):
    """Notes which store is closed, when it is."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: list[str] = []

    def push_async_callback(self, callback: Callable[..., Awaitable[Any]], /, *args: Any, **kwargs: Any) -> Any:
        async def noted() -> None:
            self.closed.append(type(callback.__self__).__name__)  # type: ignore[attr-defined]
            await callback(*args, **kwargs)

        return super().push_async_callback(noted)


@pytest_asyncio.fixture(scope="module")
async def postgres_address() -> AsyncIterator[PostgresAddress]:
    """A PostgreSQL of these tests alone: it takes sixty connections, of which other tests' pools may hold half."""
    with passable_folder() as parent, data_folder.claim(parent / "data") as folder:
        async with Launcher(folder) as launcher:
            yield await embedded_postgresql.start(launcher, folder)


@pytest_asyncio.fixture
async def named(postgres_address: PostgresAddress, redis_url: str, mongodb_url: str) -> AsyncIterator[Addresses]:
    """PostgreSQL with an empty database, Redis and MongoDB as settings would name them; the others are embedded."""
    server, name = await asyncpg.connect(postgres_address.owner_dsn), f"opened_{uuid4().hex[:12]}"
    await server.execute(f"create database {name}")
    yield Addresses(
        secret="what signs links in tests",
        public_url="http://school.test",
        database_url=postgres_address.owner_dsn.replace(f"/{DATABASE}?", f"/{name}?"),
        redis_url=redis_url,
        mongodb_url=mongodb_url,
        read_deadline=10.0,
    )
    await server.execute(f"drop database {name} with (force)")
    await server.close()


@pytest_asyncio.fixture
async def owner(named: Addresses) -> AsyncIterator[asyncpg.Connection]:
    """The owner's own connection to that database."""
    connection = await asyncpg.connect(named.postgresql_dsn)
    yield connection
    await connection.close()


async def opened(named: Addresses, stack: AsyncExitStack, folder: DataFolder) -> Stores:
    return await open_stores(named, stack, folder=folder, launcher=None)


async def clients(url: str) -> int:
    """How many connections Redis has, those of whoever asks included."""
    redis = await Redis.open(url)
    try:
        return len(await redis.raw.client_list())
    finally:
        await redis.close()


async def test_postgresql_is_kept_between_ten_and_thirty_connections(
    named: Addresses, owner: asyncpg.Connection, held_folder: DataFolder
) -> None:
    async with AsyncExitStack() as stack:
        stores = await opened(named, stack, held_folder)
        assert await owner.fetchval(OURS) == 10
        crowd = asyncio.gather(*(stores.postgresql.read("select pg_sleep(0.05)") for _ in range(90)))
        most = 0
        while not crowd.done():
            most = max(most, await owner.fetchval(OURS))
        await crowd
        # The audit log may have one more.
        assert most == 29


async def test_mongodb_is_kept_between_ten_and_fifty_connections(named: Addresses, held_folder: DataFolder) -> None:
    async with AsyncExitStack() as stack:
        stores = await opened(named, stack, held_folder)
        options = stores.documents.raw.client.options
        assert (options.pool_options.min_pool_size, options.pool_options.max_pool_size) == (10, 50)
        assert options.write_concern.document == {"j": True}
        assert options.retry_reads


async def test_redis_has_fifty_connections_at_most_and_whoever_needs_one_waits(
    named: Addresses, held_folder: DataFolder
) -> None:
    assert named.redis_url is not None
    assert CONNECTIONS + LONG_READS == 50
    async with AsyncExitStack() as stack:
        stores = await opened(named, stack, held_folder)
        before = await clients(named.redis_url)
        await asyncio.gather(*(stores.redis.get("nothing") for _ in range(300)))
        # One of them was there before.
        assert await clients(named.redis_url) - before == CONNECTIONS - 1
        long_reads = stores.redis.raw.connection_pool
        assert isinstance(long_reads, BlockingConnectionPool)
        assert long_reads.max_connections == LONG_READS


async def test_stores_are_closed_in_reverse_and_nothing_stays_open(
    named: Addresses, owner: asyncpg.Connection, held_folder: DataFolder
) -> None:
    assert named.redis_url is not None
    before = await clients(named.redis_url)
    async with Noting() as stack:
        await opened(named, stack, held_folder)
        assert await clients(named.redis_url) > before
    assert stack.closed == [
        "AuditLog", "Postgres", "FolderObjects", "EmbeddedEventLog", "EmbeddedSeries", "EdgeVectors", "Documents",
        "Redis", "Postgres",
    ]  # fmt: skip
    await eventually(lambda: nobody(owner, named.redis_url, before))


async def test_where_one_cannot_be_opened_those_before_it_are_closed(
    named: Addresses, owner: asyncpg.Connection, held_folder: DataFolder
) -> None:
    assert named.redis_url is not None
    before = await clients(named.redis_url)
    stack = Noting()
    with pytest.raises(StoreMisconfigured) as refused:
        async with stack:
            await opened(replace(named, mongodb_url="mongodb://127.0.0.1:9/school"), stack, held_folder)
    assert refused.value.store is StoreName.MONGODB
    assert stack.closed == ["Redis", "Postgres"]
    await eventually(lambda: nobody(owner, named.redis_url, before))


async def nobody(owner: asyncpg.Connection, redis_url: str, before: int) -> bool:
    """Whether no connection of the program is left."""
    return (await owner.fetchval(OURS), await clients(redis_url)) == (0, before)
