"""The demo school's application on a real port of this machine: what tests of transports talk to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import uvicorn

from datadir.names import StoreName
from graph.app import application
from graph.http.application import Application
from graph.http.connection import Patience, watch_clocks, with_patience
from graph.http.socket_connection import SocketConnection
from resolvers.operation import Services
from resolvers.tokens import ACCESS_LIFETIME, LEEWAY
from tests.running_school import RunningSchool


@dataclass
class Listening:
    """A running server."""

    app: Application
    port: int
    server: uvicorn.Server
    school: RunningSchool

    @property
    def url(self) -> str:
        """Where GraphQL is asked."""
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def socket_url(self) -> str:
        """Where sockets are opened."""
        return f"ws://127.0.0.1:{self.port}/graphql"

    @property
    def connections(self) -> int:
        """How many connections the server holds."""
        return len(self.server.server_state.connections)

    @contextmanager
    def at_work(self, store: StoreName = StoreName.KAFKA, percent: int = 50) -> Iterator[None]:
        """A store has background work, which who follows the stores hears of."""
        progress = self.school.services.stores.progress
        progress[store] = percent
        try:
            yield
        finally:
            del progress[store]


async def of_work(next_event: Callable[[], Awaitable[Any]], store: StoreName = StoreName.KAFKA) -> Any:
    """The next event of `storesLive` that tells of this store, with what it tells of it alone: others have their own
    news while the machine is busy."""
    while True:
        event = await next_event()
        if told := [each for each in event["changes"] or () if each["store"].get("name") == store.value]:
            return {**event, "changes": told}


async def ending_token(school: RunningSchool, account: str, left: timedelta) -> str:
    """A token of this account's session that is taken for so long, to within a second."""
    claims = jwt.decode(await school.token(account), options={"verify_signature": False})
    made = datetime.now(UTC) - ACCESS_LIFETIME - LEEWAY + left
    return school.services.tokens.access(UUID(claims["sub"]), claims["role"], claims["sid"], made).text


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(
    school: RunningSchool,
    change: Callable[[Application], None] = lambda app: None,
    *,
    send_buffer: int | None = None,
    **settings: object,
) -> AsyncIterator[Listening]:
    """The school's application behind uvicorn, with these settings. `change` sees it before it answers; the kernel
    keeps `send_buffer` bytes for a client that does not read."""

    @asynccontextmanager
    async def given() -> AsyncIterator[Services]:
        yield school.services

    ours = school.settings.model_copy(update=settings)
    app = application(ours, given(), built=school.folder.path / "built")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if send_buffer is not None:
            # Those of accepted connections are the listener's.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        async with app.router.lifespan_context(app):
            change(app)
            config = uvicorn.Config(
                app,
                http=with_patience(Patience(10, 10)),
                ws=SocketConnection,
                ws_max_size=256 * 1024,
                ws_per_message_deflate=False,
                proxy_headers=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=10,
            )
            server = _Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            clocks = asyncio.create_task(watch_clocks(server.server_state.connections))
            try:
                yield Listening(app, listener.getsockname()[1], server, school)
            finally:
                app.stopping.set()
                server.should_exit = True
                try:
                    await serving
                finally:
                    clocks.cancel()
