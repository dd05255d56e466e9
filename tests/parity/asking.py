"""How is the program asked for a record, as somebody? Through its own loaders with the scope that it makes, and through
its graph by HTTP; an answer comes as plain values, to be compared with what was promised."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from time import time
from typing import Any, Final
from urllib.parse import quote

import httpx

from datadir.data_folder import claim
from datadir.minio.embedded import FolderObjects
from datadir.minio.errors import LinkRefused
from datadir.names import StoreName
from datadir.postgresql.embedded import DATABASE, OWNER
from graph.app import application
from graph.ids import decode
from graph.process import opened, secret_of
from graph.settings import Settings
from loaders import Loaders
from resolvers.operation import Operation, Services, Viewer
from tests.parity.oracle import HIDDEN
from tests.parity.school import LiveSession, Person, School, a_school
from tests.parity.written import empty, session_id, write
from tests.running_school import Quiet

# One account asks for all of its records at once; what a minute or an operation may hold has tests of its own.
_SETTINGS: Final[dict[str, Any]] = {
    "store_deadline_ms": 10_000,
    "operation_deadline_ms": 60_000,
    "log_level": "error",
    "limit_budget": "0",
    "limit_rate": "0/minute",
    "limit_cost": "10000000",
    "limit_nodes": "10000000",
}
_LINKS: Final = ("avatarUrl", "downloadUrl")


@dataclass
class Asked:
    """A random school that is being asked."""

    school: School
    services: Services
    later: FolderObjects
    """The same objects, looked at when every link of now has ended."""
    executions: Iterator[httpx.AsyncClient]
    """The program as it runs operations, one way after the other."""
    owner_dsn: str
    again: Iterator[bool] = field(default_factory=lambda: cycle((False, True)))
    """Whether it is read in a later transaction, one time so and one time so."""

    @asynccontextmanager
    async def loaders(self, viewer: Person) -> AsyncIterator[Loaders]:
        """The reads of one operation of this viewer, with the scope that the program makes."""
        operation = Operation(self.services, Viewer(viewer.id, viewer.role, self._session(viewer)))
        try:
            if next(self.again):
                # In a transaction after the first: the scope does not come with it, it is put there.
                await operation.whole_scope()
                operation.over()
            yield operation.loaders
        finally:
            operation.over()

    async def graph(self, viewer: Person, query: str, variables: dict[str, Any] | None = None) -> Any:
        """The data, in which each null that has an error is that error's code."""
        token = self.services.tokens.access(viewer.id, viewer.role, self._session(viewer), datetime.now(UTC))
        response = await next(self.executions).post(
            "/graphql",
            json={"query": query, "variables": variables or {}},
            headers={"authorization": f"Bearer {token.text}"},
        )
        answer = response.json()
        if "data" not in answer:
            raise AssertionError(f"{viewer.said} was refused: {answer['errors']}")
        data = answer["data"]
        for error in answer.get("errors", []):
            *way, last = error["path"]
            place = data
            for step in way:
                place = place[step]
            assert place[last] is None, error
            place[last] = error["extensions"]["code"]
        return self._plain(data)

    def _session(self, viewer: Person) -> str:
        def is_theirs(session: LiveSession) -> bool:
            return viewer.id == session.owner == session.of

        return session_id(next(each for each in self.school.sessions if is_theirs(each)))

    def _plain(self, value: Any) -> Any:
        """The same with keys for ids and for links; what has ids of its own in their order."""
        if isinstance(value, list):
            items = [self._plain(each) for each in value]
            return sorted(items, key=lambda each: str(each["id"])) if items and _has_id(items[0]) else items
        if isinstance(value, dict):
            return {name: self._leaf(name, each) for name, each in value.items()}
        return value

    def _leaf(self, name: str, value: Any) -> Any:
        if name == "id":
            return decode(value).key
        if name in _LINKS and isinstance(value, str) and "/objects/" in value:
            return self._opened(value.rsplit("/", 1)[-1])
        return self._plain(value)

    def _opened(self, token: str) -> str:
        """The one key that a link opens, by GET and by nothing else."""
        objects = self.services.stores.objects
        assert isinstance(objects, FolderObjects)
        wrong = [(objects, token, "PUT"), (objects, token, "HEAD"), (objects, token[:-1], "GET")]
        for where, sent, method in [*wrong, (self.later, token, "GET")]:
            with suppress(LinkRefused):
                return f"{where.open_link(sent, method).key}, wrongly"
        return objects.open_link(token, "GET").key


def _has_id(value: Any) -> bool:
    return isinstance(value, dict) and "id" in value


@asynccontextmanager
async def asked_school(folder: Path, seed: int) -> AsyncIterator[Asked]:
    """A random school of this seed in embedded stores, and the program in front of them. What was in the folder before
    is gone."""
    for store in (StoreName.REDIS, StoreName.QDRANT, StoreName.MINIO):
        shutil.rmtree(folder / store.value, ignore_errors=True)
    settings = Settings(data_dir=folder, **_SETTINGS)
    with claim(folder) as held:
        async with opened(settings, held, Quiet()) as services, AsyncExitStack() as stack:
            # The clock stands still: what is over, is over for both. It stands ahead, so that what nobody may see any
            # more has not been swept away.
            now = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
            still = replace(services, now=lambda: now)
            owner_dsn = f"postgresql://{OWNER}@/{DATABASE}?host={quote(str(held.run_dir / 'postgresql'))}&port=5432"
            school = a_school(seed, now)
            await empty(services.stores, owner_dsn)
            await write(school, services.stores)
            secret = await asyncio.to_thread(secret_of, settings, held)
            later = FolderObjects(folder, public_url="", secret=secret, max_bytes=1, now=lambda: time() + 1_000)
            executions = []
            for execution in ("compiled", "graphql-core"):
                runs = settings.model_copy(update={"execution": execution})
                app = application(runs, _given(still), built=folder / "built")
                await stack.enter_async_context(app.router.lifespan_context(app))
                client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://parity.test")
                executions.append(await stack.enter_async_context(client))
            yield Asked(school, still, later, cycle(executions), owner_dsn)


@asynccontextmanager
async def _given(services: Services) -> AsyncIterator[Services]:
    yield services


def or_hidden(record: Any, value: Any) -> Any:
    """What a loader found, or that there is nothing."""
    return HIDDEN if record is None else value(record)
