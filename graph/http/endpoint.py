"""How does GraphQL travel over HTTP? POST and GET, statuses and media types, and the page for browsers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send

from graph.errors import RequestError
from graph.http.admission import Admission
from graph.http.batch import status_of
from graph.http.compression import LEAST, compressed
from graph.http.envelope import Envelope, FormGiven, from_post, from_query
from graph.http.failures import defect
from graph.http.incoming import Disconnected, Incoming
from graph.http.negotiation import JSON, response_type, streams, wants_page
from graph.http.negotiation import Streams as Taken
from graph.http.operations import Answered
from graph.http.origins import (
    Origins,
    allowing,
    embedded_elsewhere,
    preflight,
    refuse_foreign,
    refuse_without_preflight,
)
from graph.http.peers import Peers
from graph.http.statuses import STATUSES
from graph.http.streaming import Streamed, Streams
from graph.http.uploads import Uploads, from_form

Answerer = Callable[..., Awaitable[Answered]]
Pages = Callable[[dict[str, str]], Awaitable[tuple[dict[str, str], str] | None]]
"""The query string's parameters in; headers and text of the page out, None where there is no page."""
Reader = Callable[[Incoming, int], Awaitable[Envelope | list[Envelope]]]
"""What a POST asks, by the number of operations that it may hold."""
Response = tuple[int, list[tuple[bytes, bytes]], bytes]


class GraphQLEndpoint:
    """The ASGI application at /graphql."""

    # Set when the stores are open, before the first request is taken.
    answer: Answerer

    def __init__(
        self,
        *,
        page: Pages,
        admission: Admission,
        origins: Origins,
        peers: Peers,
        https: bool = False,
        batch_limit: int = 0,
        http_spec: str = "2025",
    ) -> None:
        self.streams = Streams(admission)
        self._uploads = Uploads()
        self._batch_limit = batch_limit
        self._status = STATUSES[http_spec]
        self._page = page
        self._admission = admission
        self._origins = origins
        self._peers = peers
        self._always = [HSTS] if https else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            request = Incoming(scope, receive)
            response = await self._respond(request)
            if isinstance(response, Streamed):
                await response(receive, send)
                return
            status, headers, body = response
            if len(body) > LEAST and headers[0][1].startswith(b"application/"):
                headers.append((b"vary", b"Accept-Encoding"))
                if (packed := await compressed(body, request.header(b"accept-encoding"))) is not None:
                    headers.append((b"content-encoding", b"gzip"))
                    body = packed
        except Disconnected:
            return
        except Exception as error:
            await defect(scope["path"], error)(scope, receive, send)
            return
        headers.append((b"content-length", b"%d" % len(body)))
        headers += self._always
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _respond(self, request: Incoming, read: Reader = from_post) -> Response | Streamed:
        accept = request.header(b"accept")
        method = request.method
        if method in ("GET", "HEAD") and wants_page(accept) and (page := await self._page_for(request.query())):
            return page
        origin = None
        kind, taken = JSON, streams(accept)
        try:
            origin = refuse_foreign(self._origins, request)
            if method == "OPTIONS" and origin is not None and request.header(b"access-control-request-method"):
                return 204, preflight(origin, request), b""
            kind = response_type(accept) if taken is None else _body_type(accept)
            # What would be refused anyway is not even read.
            self._admission.look()
            if method == "POST":
                envelope = await read(request, self._batch_limit)
            elif method in ("GET", "HEAD"):
                if request.header(b"cookie") or embedded_elsewhere(request):
                    refuse_without_preflight(request)
                envelope = from_query(request)
            else:
                raise RequestError("METHOD_NOT_ALLOWED", "Ask by POST or GET.", 405, {"allow": "GET, POST"})
            if isinstance(envelope, list):
                return await self._batch(envelope, request, kind, origin)
            if taken is not None and method != "HEAD":
                streamed = await self._streamed(envelope, taken, request, origin)
                if isinstance(streamed, Streamed):
                    return streamed
                if streamed is not None:
                    return self._answer(streamed, kind, origin)
            await self._admission.enter()
        except FormGiven:
            return await self._of_form(request, kind, origin)
        except RequestError as error:
            return self._response({"errors": [error.formatted()]}, error.status, kind, error.headers, origin)
        try:
            answer = await self.answer(envelope, gone=request.gone, **self._asked(request))
        finally:
            self._admission.leave()
        return self._answer(answer, kind, origin)

    async def _of_form(self, request: Incoming, kind: str, origin: str | None) -> Response | Streamed:
        """The same for a body that brings files. It comes this late so that others do not wait for the question."""
        try:
            with self._uploads.one():
                return await self._respond(request, from_form)
        except RequestError as error:
            return self._response({"errors": [error.formatted()]}, error.status, kind, error.headers, origin)

    async def _streamed(
        self, envelope: Envelope, taken: Taken, request: Incoming, origin: str | None
    ) -> Streamed | Answered | None:
        """A stream, the answer that refuses it, or None where one body answers. Raises RequestError."""
        kind = await self.streams.graph.kind(envelope)
        way = taken.way(kind)
        asked = self._asked(request)
        if way is None or asked["explain"] == "only":
            return None
        headers = [*_ALWAYS, *self._always, *(allowing(origin) if origin is not None else ())]
        after = request.header(b"last-event-id") if way == "event-stream" else None
        return await self.streams.begun(envelope, way, kind, headers, after=after, **asked)

    async def _batch(self, envelopes: list[Envelope], request: Incoming, kind: str, origin: str | None) -> Response:
        """The answers to several operations, in their order."""
        asked = self._asked(request)

        async def one(envelope: Envelope) -> tuple[int, dict[str, Any]]:
            try:
                async with self._admission.operation():
                    answer = await self.answer(envelope, gone=request.gone, **asked)
            except RequestError as error:
                return error.status, {"errors": [error.formatted()]}
            return self._status(answer.body, answer.status, kind), answer.body

        answers = await asyncio.gather(*map(one, envelopes))
        status = status_of([status for status, _ in answers])
        extra = _retrying([body for _, body in answers]) if status in _LATER else _EXTRA.get(status, {})
        return _written([body for _, body in answers], status, kind, extra, origin)

    def _asked(self, request: Incoming) -> dict[str, Any]:
        """What the headers say of how an operation is to be answered."""
        return {
            "authorization": request.header(b"authorization"),
            "wants_ledger": request.header(b"x-studygraph-ledger") == "1",
            "explain": request.header(b"x-studygraph-explain"),
            "reads_only": request.method != "POST",
            "peer": self._peers.of(request.scope),
            "user_agent": request.header(b"user-agent"),
        }

    def _answer(self, answer: Answered, kind: str, origin: str | None) -> Response:
        extra = _retrying([answer.body]) if answer.status in _LATER else _EXTRA.get(answer.status, {})
        return self._response(answer.body, answer.status, kind, extra, origin)

    def _response(
        self, body: dict[str, Any], status: int, kind: str, more: dict[str, str], origin: str | None = None
    ) -> Response:
        return _written(body, self._status(body, status, kind), kind, more, origin)

    async def _page_for(self, query: dict[str, str]) -> Response | None:
        """What a browser sees that asks nothing; None where it asks, or where there is no page."""
        shown = None if "query" in query else await self._page(query)
        if shown is None:
            return None
        headers, text = shown
        return 200, [(name.encode(), value.encode()) for name, value in headers.items()], text.encode()


HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
# What a status says beside the body.
_EXTRA: Final = {401: {"www-authenticate": "Bearer"}, 405: {"allow": "POST"}}
# Which statuses say when to come again.
_LATER: Final = frozenset({409, 429})
_ALWAYS: Final = [
    (b"vary", b"Accept, Origin"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


def _retrying(bodies: list[dict[str, Any]]) -> dict[str, str]:
    """When whoever was refused for having asked too often may come again: for all of it."""
    return {"retry-after": str(max(body["errors"][0]["extensions"]["retryAfter"] for body in bodies))}


def _body_type(accept: str | None) -> str:
    """The media type of an answer to who takes streams: also one to who takes nothing else."""
    try:
        return response_type(accept)
    except RequestError:
        return JSON


def _written(
    body: dict[str, Any] | list[dict[str, Any]], status: int, kind: str, more: dict[str, str], origin: str | None
) -> Response:
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), *_ALWAYS]
    if origin is not None:
        headers.extend(allowing(origin))
    headers.extend((name.encode(), value.encode()) for name, value in more.items())
    return status, headers, orjson.dumps(body)
