"""How does GraphQL travel over HTTP? POST and GET, statuses and media types, and the page for browsers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import orjson
from starlette.types import Receive, Scope, Send

from graph.errors import RequestError
from graph.http.envelope import from_post, from_query
from graph.http.failures import defect
from graph.http.incoming import Disconnected, Incoming
from graph.http.negotiation import JSON, response_type, wants_page

# Refusals of the envelope keep their status under either media type; those of the document, of an argument or by the
# guard are answers (200) to a client that asked for application/json, which reads the body and not the status.
_ENVELOPE_STATUSES: Final = frozenset({401, 403, 405, 406, 413, 415, 429, 500, 503, 504})
_ENVELOPE_CODES: Final = frozenset({"BAD_REQUEST", "BAD_JSON", "JSON_TOO_DEEP", "BATCH_NOT_ALLOWED"})


class Answered(Protocol):
    """What the graph answers."""

    body: dict[str, Any]
    status: int


Answerer = Callable[..., Awaitable[Answered]]
Pages = Callable[[dict[str, str]], Awaitable[tuple[dict[str, str], str] | None]]
"""The query string's parameters in; headers and text of the page out, None where there is no page."""
Response = tuple[int, list[tuple[bytes, bytes]], bytes]


class GraphQLEndpoint:
    """The ASGI application at /graphql."""

    # Set when the stores are open, before the first request is taken.
    answer: Answerer

    def __init__(self, *, page: Pages) -> None:
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            status, headers, body = await self._respond(Incoming(scope, receive))
        except Disconnected:
            return
        except Exception as error:
            await defect(scope["path"], error)(scope, receive, send)
            return
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _respond(self, request: Incoming) -> Response:
        accept = request.header(b"accept")
        method = request.method
        if method in ("GET", "HEAD") and wants_page(accept) and (page := await self._page_for(request.query())):
            return page
        kind = JSON
        try:
            kind = response_type(accept)
            if method == "POST":
                envelope = await from_post(request)
            elif method in ("GET", "HEAD"):
                envelope = from_query(request)
            else:
                raise RequestError("METHOD_NOT_ALLOWED", "Ask by POST or GET.", 405, {"allow": "GET, POST"})
        except RequestError as error:
            return _response({"errors": [error.formatted()]}, error.status, kind, error.headers)
        answer = await self.answer(
            envelope,
            authorization=request.header(b"authorization"),
            wants_ledger=request.header(b"x-studygraph-ledger") == "1",
            explain=request.header(b"x-studygraph-explain"),
            reads_only=method != "POST",
        )
        return _response(answer.body, answer.status, kind, _EXTRA.get(answer.status, {}))

    async def _page_for(self, query: dict[str, str]) -> Response | None:
        """What a browser sees that asks nothing; None where it asks, or where there is no page."""
        shown = None if "query" in query else await self._page(query)
        if shown is None:
            return None
        headers, text = shown
        return 200, [(name.encode(), value.encode()) for name, value in headers.items()], text.encode()


# What a status says beside the body.
_EXTRA: Final = {401: {"www-authenticate": "Bearer"}, 405: {"allow": "POST"}}
_ALWAYS: Final = [
    (b"vary", b"Accept"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


def _response(body: dict[str, Any], status: int, kind: str, more: dict[str, str]) -> Response:
    if kind == JSON and status not in _ENVELOPE_STATUSES and "errors" in body and "data" not in body:
        codes = {error["extensions"]["code"] for error in body["errors"]}
        if not codes & _ENVELOPE_CODES:
            status = 200
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), *_ALWAYS]
    headers.extend((name.encode(), value.encode()) for name, value in more.items())
    return status, headers, orjson.dumps(body)
