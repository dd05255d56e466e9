"""What does a path that is not GraphQL answer when it fails? The same JSON `errors` with a code."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

log = structlog.get_logger("studygraph.errors")

_CODES: Final = {
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    416: "BAD_REQUEST",
    503: "STORE_UNAVAILABLE",
}


def failure(code: str, message: str, status: int, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """A coded failure."""
    return JSONResponse(
        {"errors": [{"message": message, "extensions": {"code": code, **more}}]},
        status,
        {"cache-control": "no-store", "x-content-type-options": "nosniff", **(headers or {})},
    )


async def http_failure(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: unknown path, wrong method."""
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "BAD_REQUEST")
    return failure(code, HTTPStatus(error.status_code).phrase + ".", error.status_code, error.headers)


def defect(path: str, error: Exception) -> Response:
    """Anything unexpected: logged once with its traceback, masked."""
    request_id = secrets.token_hex(8)
    # What follows may be a signed link.
    log.error("defect", request_id=request_id, path="/" + path.lstrip("/").partition("/")[0], exc_info=error)
    return failure("INTERNAL_SERVER_ERROR", "Something went wrong on our side.", 500, requestId=request_id)


def handlers() -> dict[Any, Any]:
    """For Starlette's `exception_handlers`."""

    async def unexpected(request: Request, error: Exception) -> Response:
        return defect(request.url.path, error)

    return {HTTPException: http_failure, Exception: unexpected}
