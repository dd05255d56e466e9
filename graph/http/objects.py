"""How are the embedded store's objects downloaded? By the signed links that the graph hands out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.http.failures import failure
from resolvers.downloads import Download, Downloads, Refused


class ObjectDownload:
    """The ASGI application at /objects/{token}."""

    # Set when the embedded store is open; a real store serves its links itself.
    source: Downloads | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if self.source is None:
            return failure("NOT_FOUND", "Not Found.", 404)
        found = await self.source.open(request.path_params["token"], request.method, request.headers.get("range"))
        return _refusal(found) if isinstance(found, Refused) else _bytes(found)


def _refusal(refused: Refused) -> Response:
    return failure(refused.code, refused.message, refused.status)


def _bytes(download: Download) -> Response:
    headers = {
        "content-type": download.content_type,
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
        # Uploaded bytes never run as a page of ours.
        "content-security-policy": "default-src 'none'; sandbox",
        "content-disposition": download.disposition,
        "content-length": str(len(download.data)),
    }
    if download.content_range is not None:
        headers["content-range"] = download.content_range
    return Response(download.data, 206 if download.content_range else 200, headers)
