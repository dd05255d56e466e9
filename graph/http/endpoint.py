"""How does GraphQL travel over HTTP? POST and GET, statuses and media types, and the page for browsers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from graph.errors import RequestError
from graph.http.envelope import from_post, from_query
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


class GraphQLEndpoint:
    """The ASGI application at /graphql."""

    # Set when the stores are open, before the first request is taken.
    answer: Answerer

    def __init__(self, *, page: Callable[[], str], page_headers: dict[str, str]) -> None:
        self._page = page
        self._page_headers = page_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return  # in the middle of its body: nobody is there to be answered
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        accept = request.headers.get("accept")
        if request.method in ("GET", "HEAD") and "query" not in request.query_params and wants_page(accept):
            return HTMLResponse(self._page(), headers=self._page_headers)
        kind = JSON
        try:
            kind = response_type(accept)
            if request.method == "POST":
                envelope = await from_post(request)
            elif request.method in ("GET", "HEAD"):
                envelope = from_query(request)
            else:
                raise RequestError("METHOD_NOT_ALLOWED", "Ask by POST or GET.", 405, {"allow": "GET, POST"})
        except RequestError as error:
            return _response({"errors": [error.formatted()]}, error.status, kind, error.headers)
        answer = await self.answer(
            envelope,
            authorization=request.headers.get("authorization"),
            wants_ledger=request.headers.get("x-studygraph-ledger") == "1",
            reads_only=request.method != "POST",
        )
        headers = {"allow": "POST"} if answer.status == 405 else {}
        if answer.status == 401:
            headers["www-authenticate"] = "Bearer"
        return _response(answer.body, answer.status, kind, headers)


def _response(body: dict[str, Any], status: int, kind: str, headers: dict[str, str]) -> Response:
    if kind == JSON and status not in _ENVELOPE_STATUSES and "data" not in body:
        codes = {error["extensions"]["code"] for error in body["errors"]}
        if not codes & _ENVELOPE_CODES:
            status = 200
    return Response(
        orjson.dumps(body),
        status,
        {
            "content-type": f"{kind}; charset=utf-8",
            "vary": "Accept",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **headers,
        },
    )
