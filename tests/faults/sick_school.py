"""A demo school whose PostgreSQL, Redis and MongoDB are reached through relays, which make the faults.

To the program they are real servers that settings name; its own deadlines hold, as in production. They are ours
nevertheless, and kept alive as the program keeps its embedded ones: one that is killed comes back.
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
from time import monotonic, thread_time
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from datadir.data_folder import DataFolder, claim
from datadir.launcher import Launcher
from datadir.mongodb import embedded as mongodb
from datadir.postgresql import embedded as postgresql
from datadir.redis import embedded as redis
from tests.queries.triple import Triple, masked, triples
from tests.running_school import RunningSchool, running_school
from tests.stores.relay import Relay, Wire, through

FRONT_PAGE: Final[Triple] = next(triple for triple in triples() if triple.name == "classrooms/front_page")
# The fields of the front page that each store answers.
FIELDS: Final = {"redis": "presence", "mongodb": "transcript", "qdrant": "search", "cassandra": "engagement"}
Dial = Callable[[], Awaitable[Wire]]
_SCHEDULED: Final = Path("/proc/thread-self/schedstat")


def starved() -> float:
    """Seconds for which this thread was ready to run and others had the processors; 0 where the system keeps no book.
    A page is not late because tests run beside it."""
    try:
        return int(_SCHEDULED.read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


@dataclass
class Page:
    """One answer to the front page: `data` without what differs from run to run, its errors by path; how many seconds
    it took, `seconds` without those in which others had the processor, and `idle` without those we computed."""

    data: Any
    errors: dict[tuple[str | int, ...], dict[str, Any]]
    sources: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    took: float = 0.0
    seconds: float = 0.0
    idle: float = 0.0

    @property
    def unwell(self) -> set[str]:
        """The stores that were not well."""
        return {source["store"] for source in self.sources}


@dataclass
class Server:
    """One server behind its relay."""

    relay: Relay
    store: str
    launcher: Launcher
    dial: Dial

    async def answers(self) -> bool:
        """Whether somebody listens behind the relay."""
        try:
            _, writer = await self.dial()
        except OSError:
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        """End the server as the kernel does when memory runs out, and wait until it is gone."""
        pid = self.launcher.pids[self.store]
        os.kill(pid, signal.SIGKILL)
        while self.launcher.pids.get(self.store) == pid:
            await asyncio.sleep(0.005)


@dataclass
class SickSchool:
    """The school and its servers."""

    school: RunningSchool
    servers: dict[str, Server]
    settings: dict[str, Any]
    """How another program reaches the same stores through the same relays."""
    healthy: Page = field(init=False)

    async def front_page(self) -> Page:
        """Ask for the front page as the teacher."""
        began, busy, waited = monotonic(), thread_time(), starved()
        answer = await self.school.post(
            FRONT_PAGE.question.read_text(encoding="utf-8"), FRONT_PAGE.variables(self.school.ids), "teacher"
        )
        took = monotonic() - began
        seconds = took - (starved() - waited)
        idle = seconds - (thread_time() - busy)
        body = answer.json()
        errors = {tuple(error.get("path", ())): error["extensions"] for error in body.get("errors", [])}
        # When people were last seen is told by whichever test asked last.
        data = _without_moments(masked(body.get("data"), self.school.start, self.school.now))
        sources = body.get("extensions", {}).get("sources", [])
        return Page(data, errors, sources, answer.status_code, took, seconds, idle)

    def without(self, store: str) -> Page:
        """The healthy page as it must be while a store does not answer."""
        errors: dict[tuple[str | int, ...], dict[str, Any]] = {}
        failed = {"code": "STORE_UNAVAILABLE", "store": store}
        if store == "postgresql":
            return Page({"classroom": None}, {("classroom",): failed})

        def blanked(value: Any, path: tuple[str | int, ...]) -> Any:
            if isinstance(value, list):
                return [blanked(each, (*path, number)) for number, each in enumerate(value)]
            if not isinstance(value, dict):
                return value
            shown: dict[str, Any] = {}
            for key, each in value.items():
                if key == FIELDS[store]:
                    errors[*path, key] = failed
                    shown[key] = None
                else:
                    shown[key] = blanked(each, (*path, key))
            return shown

        return Page(blanked(self.healthy.data, ()), errors)


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
        urls = await asyncio.gather(
            _postgresql(launcher, held), redis.start(launcher, held), mongodb.start(launcher, held)
        )
        servers: dict[str, Server] = {}
        for store, url in zip(("postgresql", "redis", "mongodb"), urls, strict=True):
            dial = _way_to(url)
            relay = await stack.enter_async_context(Relay(dial).listening())
            servers[store] = Server(relay, store, launcher, dial)
        keeping = asyncio.create_task(launcher.keep_alive())
        stack.callback(keeping.cancel)
        owner = f"{postgresql.OWNER}:@127.0.0.1:{servers['postgresql'].relay.port}"
        settings = {
            "secret": "one secret for all programs of these tests",
            "store_deadline_ms": 400,
            "database_url": f"postgresql://{owner}/{postgresql.DATABASE}?sslmode=disable",
            "redis_url": through(urls[1], servers["redis"].relay),
            "mongodb_url": through(urls[2], servers["mongodb"].relay),
        }
        await write_school(folder / "data", **settings)
        school = await stack.enter_async_context(running_school(folder / "data", **settings))
        yield await seen_healthy(SickSchool(school, servers, settings))


async def write_school(folder: Path, **settings: Any) -> None:
    """Write the demo school at leisure: the deadlines of production are not made for that on a busy machine."""
    async with running_school(folder, **(settings | {"store_deadline_ms": 10_000})) as school:
        await school.services.indexed.wait()


async def seen_healthy(sick: SickSchool) -> SickSchool:
    """The same school, once its page was seen whole."""
    await sick.school.services.indexed.wait()
    until = monotonic() + 30
    # The first page of a busy machine may be too slow for the deadlines of production.
    while (page := await sick.front_page()).sources:
        assert monotonic() < until, json.dumps(page.sources)
    assert page.errors == {}
    sick.healthy = page
    return sick


async def _postgresql(launcher: Launcher, folder: DataFolder) -> str:
    return (await postgresql.start(launcher, folder)).owner_dsn


def _way_to(url: str) -> Dial:
    """How a relay reaches the embedded server at `url`."""
    address = urlsplit(url)
    if address.scheme == "unix":
        return lambda: asyncio.open_unix_connection(unquote(address.path))
    if address.scheme == "postgresql":
        [socket_dir] = parse_qs(address.query)["host"]
        return lambda: asyncio.open_unix_connection(f"{socket_dir}/.s.PGSQL.5432")
    return lambda: asyncio.open_connection(address.hostname, address.port)
