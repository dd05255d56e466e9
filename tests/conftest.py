"""What do all tests share? One running demo school per worker, certificates, an event loop that nothing blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.certificates import Authority, Identity
from tests.event_loop import guarded
from tests.folders import passable_folder
from tests.prepared import copy_of_school
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


_KEPT_SCHOOL: pytest.StashKey[Path] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """One folder for all workers of this run."""
    of_worker: dict[str, str] | None = getattr(config, "workerinput", None)
    if of_worker is not None:
        config.stash[_KEPT_SCHOOL] = Path(of_worker["kept_school"])
    else:
        folder = passable_folder("studygraph-school-")
        config.stash[_KEPT_SCHOOL] = folder.__enter__()
        config.add_cleanup(partial(folder.__exit__, None, None, None))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker (pytest-xdist) where it is."""
    node.workerinput["kept_school"] = str(node.config.stash[_KEPT_SCHOOL])


@pytest.fixture(scope="session")
def kept_school(pytestconfig: pytest.Config) -> Path:
    """Where the school is kept from which `copy_of_school` copies."""
    return pytestconfig.stash[_KEPT_SCHOOL]


@pytest_asyncio.fixture(scope="session")
async def demo_school(kept_school: Path) -> AsyncIterator[RunningSchool]:
    """A demo school that can be searched, by a name that no folder gives to something else."""
    with passable_folder() as folder:
        async with running_school(await copy_of_school(kept_school, folder / "data")) as school:
            await school.services.indexed.wait()
            yield school


@pytest.fixture(scope="session")
def school(demo_school: RunningSchool) -> RunningSchool:
    """A demo school that can be searched."""
    return demo_school


@pytest_asyncio.fixture(scope="session")
async def changing_school(kept_school: Path) -> AsyncIterator[RunningSchool]:
    """Another demo school, whose accounts tests may change."""
    with passable_folder() as folder:
        async with running_school(await copy_of_school(kept_school, folder / "data")) as school:
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
