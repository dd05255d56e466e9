"""What do all tests share? One running demo school per worker, certificates, an event loop that nothing blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.certificates import Authority, Identity
from tests.event_loop import guarded
from tests.folders import passable_folder
from tests.running_school import RunningSchool, running_school


@pytest.fixture(scope="session", autouse=True)
def blocking_calls() -> Iterator[list[str]]:
    """Where our code blocked the event loop; whoever does so is told by an exception, too."""
    with guarded() as noticed:
        yield noticed


@pytest.fixture(autouse=True)
def nothing_blocks(blocking_calls: list[str]) -> Iterator[None]:
    """Every test fails in which our code blocked the event loop, whoever caught the exception."""
    yield
    noticed, blocking_calls[:] = "\n".join(blocking_calls), []
    assert not noticed, noticed


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


@pytest_asyncio.fixture(scope="session")
async def changing_school() -> AsyncIterator[RunningSchool]:
    """Another demo school, whose accounts tests may change."""
    with passable_folder() as folder:
        async with running_school(folder / "data") as school:
            yield school


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """The CA that servers and clients of tests trust."""
    with passable_folder("studygraph-tls-") as folder:
        yield Authority(folder / "trusted")


@pytest.fixture(scope="session")
def stranger() -> Iterator[Authority]:
    """A CA that they do not."""
    with passable_folder("studygraph-tls-") as folder:
        yield Authority(folder / "stranger")


@pytest.fixture(scope="session")
def us(authority: Authority) -> Identity:
    """The program, as a client."""
    return authority.client("studygraph")
