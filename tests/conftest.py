"""What do all tests share? One running demo school per worker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.running_school import RunningSchool, running_school


@pytest_asyncio.fixture(scope="session")
async def unwarmed_school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSchool]:
    """A demo school whose texts may still be waiting for their vectors."""
    async with running_school(tmp_path_factory.mktemp("school") / "data") as school:
        yield school


@pytest_asyncio.fixture(scope="session")
async def school(unwarmed_school: RunningSchool) -> RunningSchool:
    """A demo school that can be searched."""
    from datadir.names import StoreName

    await unwarmed_school.services.indexed.wait()
    assert StoreName.QDRANT not in unwarmed_school.services.stores.progress
    return unwarmed_school
