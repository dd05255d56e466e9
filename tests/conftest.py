"""What do all tests share? One running demo school per worker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.folders import passable_folder
from tests.running_school import RunningSchool, running_school


@pytest_asyncio.fixture(scope="session")
async def unwarmed_school() -> AsyncIterator[RunningSchool]:
    """A demo school whose texts may still be waiting for their vectors."""
    with passable_folder() as folder:
        async with running_school(folder / "data") as school:
            yield school


@pytest_asyncio.fixture(scope="session")
async def school(unwarmed_school: RunningSchool) -> RunningSchool:
    """A demo school that can be searched."""
    from datadir.names import StoreName

    await unwarmed_school.services.indexed.wait()
    assert StoreName.QDRANT not in unwarmed_school.services.stores.progress
    return unwarmed_school
