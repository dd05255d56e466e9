"""Which school do these tests look at? One of size 1 and one of size 3, made once, and stores to put one in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from datadir.addresses import Addresses
from datadir.data_folder import claim
from datadir.launcher import Launcher
from datadir.stores import Stores, open_stores
from resolvers.demo.school import School
from tests.folders import passable_folder

NOW = datetime(2026, 11, 21, 9, 42, 17, 5, tzinfo=UTC)
START = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.fixture(scope="session")
def demo() -> School:
    return School(NOW)


@pytest.fixture(scope="session")
def larger_demo() -> School:
    return School(NOW, size=3)


@pytest_asyncio.fixture(scope="module")
async def empty_stores() -> AsyncIterator[Stores]:
    """Embedded stores without a school."""
    with passable_folder() as parent, claim(parent / "data") as folder:
        async with AsyncExitStack() as stack:
            launcher = await stack.enter_async_context(Launcher(folder))
            addresses = Addresses(secret="not a secret " * 4, public_url="http://school.test", read_deadline=10.0)
            yield await open_stores(addresses, stack, folder=folder, launcher=launcher)


def unheard(step: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
