"""Where does a connection go, and what goes with every answer? The one ASGI application of a worker.

/graphql goes straight to its endpoint: routing and middleware of a general framework cost as much there as a small
operation. Everything else is Starlette's, inside a border of ours: who may ask, what browsers are told, what nobody
foresaw.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.errors import RequestError
from graph.http.admission import Admission
from graph.http.endpoint import HSTS, GraphQLEndpoint
from graph.http.failures import failure
from graph.http.incoming import Incoming
from graph.http.origins import Origins, preflight, refuse_foreign, speaking_to

SECURE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # Answers that are no page run nothing and stand in no frame, whatever is in them.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Application(Starlette):
    """The application. `admission` and `origins` are every transport's; `stopping` is set when the worker is told to
    end: streams then say their last word."""

    def __init__(
        self,
        *,
        graphql: GraphQLEndpoint,
        sockets: ASGIApp,
        admission: Admission,
        origins: Origins,
        https: bool,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.graphql = graphql
        self.sockets = sockets
        self.admission = admission
        self.origins = origins
        self.stopping = asyncio.Event()
        self._secure = (*SECURE, HSTS) if https else SECURE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "http":
            if scope["path"] == "/graphql":
                await self.graphql(scope, receive, send)
            else:
                await self._elsewhere(scope, receive, self._secured(send))
        elif scope["type"] == "websocket":
            await self.sockets(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _elsewhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Incoming(scope, receive)
        try:
            origin = refuse_foreign(self.origins, request)
        except RequestError as error:
            await failure(error.code, error.message, error.status, error.headers)(scope, receive, send)
            return
        if origin is not None:
            send = speaking_to(origin, send)
            if request.method == "OPTIONS" and request.header(b"access-control-request-method"):
                headers = preflight(origin, request)
                await send({"type": "http.response.start", "status": 204, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        # Starlette answers what nobody foresaw by our handler, which logs it, and raises it once more.
        with suppress(Exception):
            await super().__call__(scope, receive, send)

    def _secured(self, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                given += [header for header in self._secure if header[0] not in names]
                message = {**message, "headers": given}
            await send(message)

        return with_headers


async def refuse_socket(
    send: Send, status: int, code: str, sentence: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Refuse a WebSocket before it is one: the answer to its handshake is that of any other request."""
    body = orjson.dumps({"errors": [{"message": sentence, "extensions": {"code": code}}]})
    kind = (b"content-type", b"application/json; charset=utf-8")
    length = (b"content-length", b"%d" % len(body))
    headers = (kind, length, (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), *headers)
    await send({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "websocket.http.response.body", "body": body})
