"""Which server do subscriptions talk to in the explorer's tests? A small one that speaks graphql-transport-ws, or one
that refuses every socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from graphql import build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from graph.explorer.served import Explorer
from graph.settings import Settings

SDL = "type Query { hello: String } type Subscription { counted: Int }"
SUBSCRIPTION = "subscription Counted { counted }"
TOKEN = "token-teacher"


class Counting:
    """Answers introspection and log-in, and counts over sockets: to two, then waits for the client's `complete`.

    `said` are the messages that came over sockets; `ended` is set when a client has completed."""

    def __init__(self, built: Path) -> None:
        self.said: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self._schema = build_schema(SDL)
        self._explorer = Explorer(Settings(), built)

    async def graphql(self, request: Request) -> Response:
        """The page by GET, the schema by POST."""
        if request.method == "GET":
            page = await self._explorer.page({})
            assert page is not None
            headers, html = page
            return HTMLResponse(html, headers=headers)
        body = await request.json()
        if body.get("operationName") == "LogIn":
            user = {"id": "VXNlcjox", "email": "teacher@demo.school", "role": "TEACHER"}
            payload = {"accessToken": TOKEN, "refreshToken": "r", "expiresAt": None, "user": user, "errors": []}
            return JSONResponse({"data": {"logIn": payload}})
        return JSONResponse(graphql_sync(self._schema, body["query"], {"hello": "there"}).formatted)

    async def socket(self, connection: WebSocket) -> None:
        """One socket: ack, two events for each subscription, until the client closes it."""
        await connection.accept(subprotocol="graphql-transport-ws")
        async for message in connection.iter_json():
            self.said.append(message)
            if message["type"] == "connection_init":
                await connection.send_json({"type": "connection_ack"})
            elif message["type"] == "subscribe":
                for number in (1, 2):
                    event = {"data": {"counted": number}}
                    await connection.send_json({"type": "next", "id": message["id"], "payload": event})
            elif message["type"] == "complete":
                self.ended.set()

    def routes(self, *, sockets: bool) -> list[BaseRoute]:
        """The whole server, with or without sockets."""
        routes: list[BaseRoute] = [
            Route("/graphql", self.graphql, methods=["GET", "POST"]),
            *self._explorer.routes(),
        ]
        return [*routes, WebSocketRoute("/graphql", self.socket)] if sockets else routes


@contextmanager
def counting(built: Path, *, sockets: bool) -> Iterator[tuple[Counting, str]]:
    """The server on a free port of this machine, with its origin."""
    server_of = Counting(built)
    ws = "websockets-sansio" if sockets else "none"
    config = uvicorn.Config(
        Starlette(routes=server_of.routes(sockets=sockets)), log_level="error", ws=ws, lifespan="off"
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield server_of, f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
