"""In which school do these tests change accounts? In one of their own, and mostly as people who have just come."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.accounts.somebody import Coming, Somebody, newcomer
from tests.running_school import RunningSchool


@pytest.fixture
def coming(changing_school: RunningSchool) -> Coming:
    """Lets somebody new register."""

    async def come(**given: str) -> Somebody:
        return await newcomer(changing_school, **given)

    return come


@pytest_asyncio.fixture
async def ada(coming: Coming) -> Somebody:
    """Somebody who has just registered."""
    return await coming()


@pytest_asyncio.fixture
async def admin(changing_school: RunningSchool) -> Somebody:
    """The school's administrator, logged in anew."""
    return await Somebody(changing_school, "admin@demo.school", "studygraph-demo").logged_in()
