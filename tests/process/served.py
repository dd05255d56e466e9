"""How do tests start `python -m graph serve`, ask it, stop it and read what it said?"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.settings import PREFIX, Settings, environment_name
from resolvers.demo.named import NAMED
from resolvers.demo.roster import PASSWORD

ROOT = Path(__file__).parents[2]
PATIENCE = 120
"""Seconds until a test gives up on a server; two cores may be shared by many."""
ORDINARY = re.compile(
    r"( {2})?[a-z][a-z, ]+ \.\.\.|StudyGraph answers at .*|Demo accounts: .*|.*\"event\": ?\"operation\".*"
)
"""Steps, the greeting, and the log of operations."""
LOG_IN = "mutation ($input: LogInInput!) { logIn(input: $input) { accessToken } }"


def environment(**settings: object) -> dict[str, str]:
    """Ours without any setting of the program but these. Data folders and ports are given by name too."""
    names = {environment_name(name) for name in Settings.model_fields}
    names |= {f"{name}_FILE" for name in names}
    ours = {name: value for name, value in os.environ.items() if name not in names and not name.startswith(PREFIX)}
    # Bytecode is kept, as `make run` keeps it: compiling everything anew takes longer than all the rest of a start.
    # Many starts share two cores here: a store that is slow for that is not what these tests look for.
    ours |= {"PYTHONDONTWRITEBYTECODE": "", "STUDYGRAPH_STORE_DEADLINE_MS": "10000"}
    return ours | {name: str(value) for name, value in settings.items()}


@dataclass
class Served:
    """A started program. `said` is what it wrote to standard error so far, line by line."""

    process: asyncio.subprocess.Process
    data: Path
    said: list[str] = field(default_factory=list)
    url: str = ""
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reading: asyncio.Task[None] | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        return self.process.pid

    async def until(self, start: str) -> str:
        """The first line that begins with this; fails when the program ends without it."""

        def found() -> str | None:
            return next((line for line in self.said if line.startswith(start)), None)

        async with self._more, asyncio.timeout(PATIENCE):
            await self._more.wait_for(lambda: found() or self._silent)
        line = found()
        if line is None:
            pytest.fail("the program ended: " + "\n".join(self.said))
        return line

    async def ended(self) -> tuple[int, list[str]]:
        """Its exit status, once it has ended, and the lines that are out of the ordinary."""
        status = await asyncio.wait_for(self.process.wait(), PATIENCE)
        assert self._reading is not None
        await self._reading
        assert self.process.stdout is not None
        assert await self.process.stdout.read() == b""
        assert not any("Traceback" in line for line in self.said), self.said
        return status, [line for line in self.said if not ORDINARY.fullmatch(line)]

    async def end(self, number: signal.Signals) -> tuple[int, list[str]]:
        """Send it a signal; see `ended`."""
        self.process.send_signal(number)
        return await self.ended()

    async def ask(self, query: str, variables: dict[str, Any] | None = None, account: str | None = None) -> Any:
        """The data of an operation that succeeds, sent as a demo account."""
        headers = {}
        if account is not None:
            if account not in self.tokens:
                given = {"input": {"email": NAMED.accounts[account], "password": PASSWORD}}
                self.tokens[account] = (await self.ask(LOG_IN, given))["logIn"]["accessToken"]
            headers = {"authorization": f"Bearer {self.tokens[account]}"}
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            answer = await client.post(
                f"{self.url}/graphql", json={"query": query, "variables": variables or {}}, headers=headers
            )
        members = answer.json()
        assert "errors" not in members, members["errors"]
        return members["data"]

    async def page(self) -> httpx.Response:
        """What a browser gets."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            return await client.get(f"{self.url}/graphql", headers={"accept": "text/html"})

    @property
    def _silent(self) -> bool:
        return self._reading is not None and self._reading.done()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            async with self._more:
                self.said.append(line.decode().rstrip("\n"))
                self._more.notify_all()

    def _hear(self) -> None:
        async def tell() -> None:
            async with self._more:
                self._more.notify_all()

        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(lambda _: asyncio.ensure_future(tell()))


@asynccontextmanager
async def started(data: Path, command: str = "serve", **settings: object) -> AsyncIterator[Served]:
    """The program, just started on a free port; stopped at the latest at the end."""
    given = environment(**({"STUDYGRAPH_DATA_DIR": data, "STUDYGRAPH_PORT": 0} | settings))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "graph",
        *command.split(),
        cwd=ROOT,
        env=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    served = Served(process, data)
    served._hear()
    try:
        yield served
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(served.ended(), PATIENCE)
        except TimeoutError:
            process.kill()
            raise


@asynccontextmanager
async def serving(data: Path, **settings: object) -> AsyncIterator[Served]:
    """The program, once it answers."""
    async with started(data, **settings) as served:
        served.url = (await served.until("StudyGraph answers at ")).split()[3].removesuffix("/graphql")
        yield served


async def refusal(data: Path, command: str = "serve", status: int = 1, **settings: object) -> str:
    """The one sentence with which the program refuses."""
    async with started(data, command, **settings) as served:
        ended = await served.ended()
    assert ended[0] == status, ended
    [sentence] = ended[1]
    assert sentence.startswith("studygraph: ")
    return sentence.removeprefix("studygraph: ")


HIDE = """
import sys
from importlib.machinery import PathFinder

MODULES, PACKAGES = {modules!r}, {packages!r}


class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in MODULES else super().find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *context):
        return (each for each in PathFinder.find_distributions(*context) if each.name not in PACKAGES)


sys.meta_path = [Hiding if finder is PathFinder else finder for finder in sys.meta_path]
"""


def without(folder: Path, modules: Iterable[str], packages: Iterable[str] = ()) -> dict[str, str]:
    """An environment for which some modules and packages are not installed. `folder` is ours to write to."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HIDE.format(modules=set(modules), packages=set(packages)))
    return {"PYTHONPATH": str(folder)}


def with_alone(folder: Path, requirements: str) -> dict[str, str]:
    """An environment in which nothing is installed but what a file of `requirements/` lists."""
    lines = (ROOT / "requirements" / requirements).read_text().splitlines()
    listed = {line.split("==")[0] for line in lines if "==" in line}
    installed = packages_distributions()
    others = {name for names in installed.values() for name in names if _normal(name) not in listed}
    return without(folder, [module for module, names in installed.items() if others.issuperset(names)], others)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
