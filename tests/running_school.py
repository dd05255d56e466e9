"""A demo school on embedded stores, in this very process: what most tests talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import jwt
import orjson

from datadir.data_folder import DataFolder, claim
from datadir.postgresql.embedded import DATABASE, OWNER
from graph.app import application
from graph.explorer.tabs import demo_ids
from graph.limits.bounds import PerRole
from graph.process import opened
from graph.settings import Settings
from resolvers.demo.named import NAMED
from resolvers.demo.roster import PASSWORD
from resolvers.operation import Services
from resolvers.rate import Rate

LOG_IN = "mutation ($input: LogInInput!) { logIn(input: $input) { accessToken errors { code } } }"


class Quiet:
    """Start-up steps that nobody watches."""

    def step(self, name: str) -> None:
        """Say nothing."""

    def share(self, name: str, done: int, total: int) -> None:
        """Say nothing."""


def unpriced(body: dict[str, Any]) -> dict[str, Any]:
    """A response's members without what they cost, which every answer says and one folder of tests is about."""
    extensions = {name: each for name, each in body.get("extensions", {}).items() if name != "cost"}
    rest = {name: each for name, each in body.items() if name != "extensions"}
    return {**rest, "extensions": extensions} if extensions else rest


class Unpriced(httpx.AsyncBaseTransport):
    """The application without `extensions.cost`: `RunningSchool.priced` is the one that shows it."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, without the cost where it is an answer."""
        response = await self._transport.handle_async_request(request)
        content = await response.aread()
        if b'"cost":' not in content or "json" not in response.headers.get("content-type", ""):
            return response
        written = (b"content-length", b"content-encoding")
        headers = [(name, value) for name, value in response.headers.raw if name not in written]
        body = orjson.dumps(unpriced(orjson.loads(content)))
        headers.append((b"content-length", b"%d" % len(body)))
        return httpx.Response(response.status_code, headers=headers, content=body)


@dataclass
class RunningSchool:
    """The application, answering; `ask` sends one operation as one of the demo accounts.

    `start` is the school's first moment, to which its data are relative; `now` is where its clock stands."""

    services: Services
    settings: Settings
    http: httpx.AsyncClient
    start: datetime
    now: datetime
    folder: DataFolder
    priced: httpx.AsyncClient
    # With the moment in which each was made.
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, str]:
        """Global ids by their names in the demo."""
        return demo_ids()

    @property
    def owner_dsn(self) -> str:
        """Where the owner of the embedded PostgreSQL connects."""
        return f"postgresql://{OWNER}@/{DATABASE}?host={quote(str(self.folder.run_dir / 'postgresql'))}&port=5432"

    async def token(self, account: str) -> str:
        """An access token of a demo account; one log-in each. The school's clock stands still, that of its tokens does
        not: before a quarter of an hour is over the session gets another one."""
        token, made_at = self.tokens.get(account, ("", -inf))
        if not token:
            credentials = {"email": NAMED.accounts[account], "password": PASSWORD}
            answer = await self.post(LOG_IN, {"input": credentials})
            token = answer.json()["data"]["logIn"]["accessToken"]
        elif monotonic() > made_at + 600:
            said = jwt.decode(token, options={"verify_signature": False})
            signer = self.services.tokens
            token = signer.access(UUID(said["sub"]), said["role"], said["sid"], datetime.now(UTC)).text
        else:
            return token
        self.tokens[account] = token, monotonic()
        return token

    async def post(
        self, query: str, variables: dict[str, Any] | None = None, account: str | None = None, **headers: str
    ) -> httpx.Response:
        """One POST to /graphql."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if account is not None:
            sent["authorization"] = f"Bearer {await self.token(account)}"
        return await self.http.post("/graphql", json={"query": query, "variables": variables or {}}, headers=sent)

    async def post_file(
        self, query: str, variables: dict[str, Any], place: str, data: bytes, **headers: str
    ) -> httpx.Response:
        """One POST with a file at this place of the variables, by the multipart request specification."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()} | {"graphql-require-preflight": "1"}
        form: list[tuple[str, Any]] = [
            ("operations", (None, orjson.dumps({"query": query, "variables": variables}))),
            ("map", (None, orjson.dumps({"0": [f"variables.{place}"]}))),
            ("0", ("file.png", data, "image/png")),
        ]
        return await self.http.post("/graphql", files=form, headers=sent)

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, account: str | None = "teacher"
    ) -> dict[str, Any]:
        """The response's members, with the ledger."""
        answer: dict[str, Any] = (await self.post(query, variables, account, x_studygraph_ledger="1")).json()
        return answer


@asynccontextmanager
async def running_school(folder: Path, **other: Any) -> AsyncIterator[RunningSchool]:
    """Start the embedded stores and write the demo school. `other` settings may name real servers."""
    # Two cores shared by test workers: what is measured elsewhere must not fail a test here.
    ours = {
        "data_dir": folder,
        "demo": True,
        "store_deadline_ms": 10_000,
        "operation_deadline_ms": 60_000,
        "log_level": "error",
        # One account asks for all of its tests; what a minute holds has tests of its own.
        "limit_budget": "0",
        "limit_rate": PerRole(Rate(0)),
        "log_ins_per_account": Rate(1_000_000),
        "log_ins_per_peer": Rate(1_000_000),
        "log_ins_in_total": Rate(1_000_000),
        # Walks through many pages at once are an administrator's here.
        "limit_variables": "50 admin=500",
        "limit_aliases": "15 admin=500",
        "limit_selections": "500 admin=5000",
        "limit_nodes": "10000 admin=1000000",
        "limit_cost": "20000 admin=2000000",
    }
    settings = Settings(**{**ours, **other})
    with claim(folder) as held:
        async with opened(settings, held, Quiet()) as services:
            from resolvers.demo import seeding

            start = await seeding.first_now(services.stores)
            assert start is not None
            # The clock stands still, so that answers can be compared to the letter.
            now = datetime.now(UTC).replace(microsecond=0)
            still = replace(services, now=lambda: now)
            # Without the full explorer, whether somebody has built one here or not.
            app = application(settings, _given(still), built=folder / "built")
            async with app.router.lifespan_context(app):
                transport = httpx.ASGITransport(app=app)
                async with (
                    httpx.AsyncClient(transport=Unpriced(transport), base_url="http://school.test") as http,
                    httpx.AsyncClient(transport=transport, base_url="http://school.test") as priced,
                ):
                    yield RunningSchool(still, settings, http, start, now, held, priced)


@asynccontextmanager
async def _given(services: Services) -> AsyncIterator[Services]:
    yield services
