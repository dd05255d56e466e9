"""Which rows do the tests of paging page through? Those of the demo school and awkward ones beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.paging.awkward import Awkward, awkward_rows
from tests.running_school import RunningSchool


@pytest_asyncio.fixture(scope="module")
async def awkward(school: RunningSchool) -> AsyncIterator[Awkward]:
    """The awkward rows; gone again for whoever comes after this module."""
    async with awkward_rows(school) as made:
        yield made
