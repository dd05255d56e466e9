"""Which school do the clients ask? A server started for them, with the demo school on embedded stores; clients on Node
find it in their environment."""

from __future__ import annotations

import asyncio
import filecmp
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from graph.explorer.tabs import demo_ids
from tests.folders import passable_folder
from tests.process.served import PATIENCE, Served, serving

HERE = Path(__file__).parent
ACCOUNTS = ("admin", "outsider", "student", "teacher")
WARM = "{ stores { status } }"


async def warmed(served: Served) -> None:
    """Wait until every store is well: vectors are made after the first start."""
    async with asyncio.timeout(PATIENCE):
        while {each["status"] for each in (await served.ask(WARM))["stores"]} != {"OK"}:
            await asyncio.sleep(0.2)


async def shown(served: Served) -> dict[str, str]:
    """An environment in which Node's clients find this server, its accounts and the process of its MongoDB."""
    for account in ACCOUNTS:
        await served.ask("{ __typename }", account=account)
    children = json.loads((served.data / "children.json").read_text())
    [mongodb] = [each["pid"] for each in children if "secantus" in each["command"]]
    told = {
        "url": f"{served.url}/graphql",
        "tokens": served.tokens,
        "ids": demo_ids(),
        "processes": {"mongodb": mongodb},
    }
    return {**os.environ, "STUDYGRAPH_CLIENTS": json.dumps(told)}


@pytest_asyncio.fixture(scope="session")
async def served() -> AsyncIterator[Served]:
    """The server of all clients."""
    with passable_folder() as folder:
        async with serving(folder / "data", STUDYGRAPH_DEMO="true") as served:
            await warmed(served)
            yield served


@pytest.fixture(scope="session")
def node() -> str:
    """Node, where the clients that the lock names are installed; a skip says what is missing."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("There is no Node on the PATH: the clients that run on it are not tested.")
    installed = HERE / "node_modules/.installed.json"
    if not installed.exists() or not filecmp.cmp(installed, HERE / "package-lock.json", shallow=False):
        pytest.skip("The clients of tests/clients/package-lock.json are not installed: `make test-clients` does it.")
    return found
