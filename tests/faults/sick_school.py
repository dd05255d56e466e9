"""A demo school whose PostgreSQL, Redis and MongoDB are reached through relays, which make the faults.

To the program they are real servers that settings name; its own deadlines hold, as in production.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from datadir.data_folder import DataFolder, claim
from datadir.launcher import Launcher
from datadir.mongodb import embedded as mongodb
from datadir.postgresql import embedded as postgresql
from datadir.redis import embedded as redis
from tests.queries.triple import Triple, masked, triples
from tests.running_school import RunningSchool, running_school
from tests.stores.relay import Relay, through

FRONT_PAGE: Final[Triple] = next(triple for triple in triples() if triple.name == "classrooms/front_page")
# The fields of the front page that each store answers.
FIELDS: Final = {"redis": "presence", "mongodb": "transcript", "qdrant": "search", "cassandra": "engagement"}


@dataclass
class Page:
    """One answer to the front page: `data` without what differs from run to run, its errors by path."""

    data: Any
    errors: dict[tuple[str | int, ...], dict[str, Any]]
    sources: list[dict[str, Any]]
    status: int
    seconds: float


@dataclass
class Server:
    """One server behind its relay; `start` begins it anew after it was killed."""

    relay: Relay
    store: str
    launcher: Launcher
    start: Callable[[], Awaitable[None]]

    def kill(self) -> None:
        """End the server as the kernel does when memory runs out."""
        os.kill(self.launcher.pids[self.store], signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until nothing of it runs."""
        while self.store in self.launcher.pids:
            await asyncio.sleep(0.01)


@dataclass
class SickSchool:
    """The school and its servers."""

    school: RunningSchool
    servers: dict[str, Server]
    healthy: Page = field(init=False)

    async def front_page(self) -> Page:
        """Ask for the front page as the teacher."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await self.school.post(
            FRONT_PAGE.question.read_text(encoding="utf-8"), FRONT_PAGE.variables(self.school.ids), "teacher"
        )
        seconds = loop.time() - began
        body = answer.json()
        errors = {tuple(error.get("path", ())): error["extensions"] for error in body.get("errors", [])}
        # When people were last seen is told by whichever test asked last.
        data = _without_moments(masked(body.get("data"), self.school.start, self.school.now))
        return Page(data, errors, body.get("extensions", {}).get("sources", []), answer.status_code, seconds)

    def without(self, store: str) -> Page:
        """The healthy page as it must be while a store does not answer."""
        errors: dict[tuple[str | int, ...], dict[str, Any]] = {}
        failed = {"code": "STORE_UNAVAILABLE", "store": store}
        if store == "postgresql":
            return Page({"classroom": None}, {("classroom",): failed}, [], 200, 0.0)

        def blanked(value: Any, path: tuple[str | int, ...]) -> Any:
            if isinstance(value, list):
                return [blanked(each, (*path, number)) for number, each in enumerate(value)]
            if not isinstance(value, dict):
                return value
            shown = {}
            for key, each in value.items():
                if key == FIELDS[store]:
                    errors[*path, key] = failed
                    shown[key] = None
                else:
                    shown[key] = blanked(each, (*path, key))
            return shown

        return Page(blanked(self.healthy.data, ()), errors, [], 200, 0.0)


def _without_moments(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "seen" if key == "lastSeenAt" and each else _without_moments(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_moments(each) for each in value]
    return value


@asynccontextmanager
async def sick_school(folder: Path) -> AsyncIterator[SickSchool]:
    """Start the servers, the relays and the school."""
    async with AsyncExitStack() as stack:
        held = stack.enter_context(claim(folder / "servers"))
        launcher = await stack.enter_async_context(Launcher(held))
        servers = {
            name: await _behind_relay(stack, name, start, launcher, held)
            for name, start in (("postgresql", _postgresql), ("redis", redis.start), ("mongodb", mongodb.start))
        }
        owner = f"{postgresql.OWNER}:@127.0.0.1:{servers['postgresql'][0].relay.port}"
        school = await stack.enter_async_context(
            running_school(
                folder / "data",
                store_deadline_ms=400,
                database_url=f"postgresql://{owner}/{postgresql.DATABASE}?sslmode=disable",
                redis_url=through(servers["redis"][1], servers["redis"][0].relay),
                mongodb_url=through(servers["mongodb"][1], servers["mongodb"][0].relay),
            )
        )
        await school.services.indexed.wait()
        sick = SickSchool(school, {name: server for name, (server, _) in servers.items()})
        sick.healthy = await sick.front_page()
        assert sick.healthy.errors == {}, json.dumps(sick.healthy.errors, default=str)
        yield sick


async def _postgresql(launcher: Launcher, folder: DataFolder) -> str:
    place = await postgresql.start(launcher, folder)
    return place.owner_dsn


async def _behind_relay(
    stack: AsyncExitStack,
    store: str,
    start: Callable[[Launcher, DataFolder], Awaitable[str]],
    launcher: Launcher,
    folder: DataFolder,
) -> tuple[Server, str]:
    """The started server, and its first address; a restart may change it, which only the relay notices."""
    url = await start(launcher, folder)

    async def restart() -> None:
        nonlocal url
        url = await start(launcher, folder)

    async def dial() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = urlsplit(url)
        if address.scheme == "unix":
            return await asyncio.open_unix_connection(unquote(address.path))
        if address.scheme == "postgresql":
            [socket_dir] = parse_qs(address.query)["host"]
            return await asyncio.open_unix_connection(f"{socket_dir}/.s.PGSQL.5432")
        return await asyncio.open_connection(address.hostname, address.port)

    relay = await stack.enter_async_context(Relay(dial).listening())
    return Server(relay, store, launcher, restart), url
