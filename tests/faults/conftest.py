"""One school behind relays for all tests of faults; each test heals what it broke."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.faults.sick_school import SickSchool, sick_school
from tests.folders import passable_folder


@pytest_asyncio.fixture(scope="session")
async def sick() -> AsyncIterator[SickSchool]:
    """The school whose stores fall ill."""
    with passable_folder() as folder:
        async with sick_school(folder) as sick:
            yield sick
