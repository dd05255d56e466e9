"""What do background jobs rest in? A database and a Redis of their own, empty at the start of each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from datadir import data_folder
from datadir.data_folder import DataFolder
from datadir.launcher import Launcher
from datadir.redis import embedded as embedded_redis
from datadir.redis import keys
from datadir.redis.client import Redis
from resolvers.operation import Services
from tests.folders import passable_folder
from tests.jobs.working import services_on
from tests.stores.postgres_fixture import Database, database, postgres_address  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def held_folder() -> Iterator[DataFolder]:
    """A data folder of these tests, held by them."""
    with passable_folder() as parent, data_folder.claim(parent / "data") as folder:
        yield folder


@pytest_asyncio.fixture(scope="session")
async def launcher(held_folder: DataFolder) -> AsyncIterator[Launcher]:
    """Stops at the end what these tests started."""
    async with Launcher(held_folder) as launcher:
        yield launcher


@pytest_asyncio.fixture(scope="session")
async def redis_url(launcher: Launcher, held_folder: DataFolder) -> str:
    """Where Redis is."""
    return await embedded_redis.start(launcher, held_folder)


@pytest_asyncio.fixture(scope="session")
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Redis, open."""
    redis = await Redis.open(redis_url)
    yield redis
    await redis.close()


@pytest_asyncio.fixture
async def services(database: Database, redis: Redis) -> Services:  # noqa: F811
    """A process's services, as far as jobs need them. No job is there, and no wake-up."""
    await database.owner.execute("delete from jobs")
    await redis.delete(keys.BACKGROUND_TASKS)
    return services_on(database.pg, redis)
