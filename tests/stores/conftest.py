"""Which servers do the contracts meet? The embedded ones, started once for all tests, as `make run` starts them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from datadir import data_folder
from datadir.data_folder import DataFolder
from datadir.launcher import Launcher
from datadir.mongodb import embedded as embedded_mongodb
from datadir.redis import embedded as embedded_redis
from tests.folders import passable_folder
from tests.stores.audit_kept import kept, template, three  # noqa: F401
from tests.stores.postgres_fixture import database, postgres_address  # noqa: F401


@pytest.fixture(scope="session")
def held_folder() -> Iterator[DataFolder]:
    """A data folder of this test run, held by it."""
    with passable_folder() as parent, data_folder.claim(parent / "data") as folder:
        yield folder


@pytest_asyncio.fixture(scope="session")
async def launcher(held_folder: DataFolder) -> AsyncIterator[Launcher]:
    """Stops at the end what tests started."""
    async with Launcher(held_folder) as launcher:
        yield launcher


@pytest_asyncio.fixture(scope="session")
async def redis_url(launcher: Launcher, held_folder: DataFolder) -> str:
    """The address of an embedded Redis."""
    return await embedded_redis.start(launcher, held_folder)


@pytest_asyncio.fixture(scope="session")
async def mongodb_url(launcher: Launcher, held_folder: DataFolder) -> str:
    """The address of an embedded MongoDB."""
    return await embedded_mongodb.start(launcher, held_folder)
