"""What does a request ask? Bytes or a query string to document, variables, operation name; malformed ones refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.requests import Request

from graph.errors import RequestError

LARGEST_BODY: Final = 256 * 1024
DEEPEST_JSON: Final = 30


@dataclass(frozen=True, slots=True)
class Envelope:
    """One GraphQL request."""

    document: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None


async def from_post(request: Request) -> Envelope:
    """The envelope in a POST body. Raises RequestError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError("UNSUPPORTED_MEDIA_TYPE", "Send application/json.", 415, {"accept-post": "application/json"})
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise RequestError("UNSUPPORTED_ENCODING", "Send the body uncompressed.", 415)
    return from_json(await _body(request))


def from_json(body: bytes) -> Envelope:
    """The envelope in a JSON text. Raises RequestError."""
    if not body.strip():
        raise RequestError("BAD_REQUEST", "The body is empty: send a JSON object with `query`.")
    _refuse_depth(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError("BAD_JSON", f"The body is not JSON: {error.msg}.") from error
    if isinstance(value, list):
        raise RequestError("BATCH_NOT_ALLOWED", "Send one operation a request.")
    if not isinstance(value, dict):
        raise RequestError("BAD_REQUEST", "The body is a JSON object with `query`.")
    return _envelope(value)


def from_query(request: Request) -> Envelope:
    """The envelope in a query string. Raises RequestError."""
    value: dict[str, Any] = dict(request.query_params)
    variables = value.get("variables")
    if variables:
        _refuse_depth(variables.encode("utf-8", "surrogatepass"))
        try:
            value["variables"] = orjson.loads(variables)
        except orjson.JSONDecodeError as error:
            raise RequestError("BAD_JSON", f"`variables` is not JSON: {error.msg}.") from error
    else:
        value.pop("variables", None)
    if not value.get("operationName"):
        value.pop("operationName", None)
    return _envelope(value)


def _envelope(value: dict[str, Any]) -> Envelope:
    document, variables = value.get("query"), value.get("variables")
    name = value.get("operationName")
    if not isinstance(document, str) or not document.strip():
        raise RequestError("BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document.")
    if variables is not None and not isinstance(variables, dict):
        raise RequestError("BAD_REQUEST", "`variables` is an object.")
    if name is not None and not isinstance(name, str):
        raise RequestError("BAD_REQUEST", "`operationName` is a text.")
    return Envelope(document, variables or {}, name or None)


async def _body(request: Request) -> bytes:
    """The body, counted while it is read: a chunked one has no length to ask for."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise RequestError("BODY_TOO_LARGE", f"A request holds at most {LARGEST_BODY:,} bytes.", 413)
        parts.append(part)
    return b"".join(parts)


def _refuse_depth(text: bytes) -> None:
    """Refuse JSON that is nested too deep, before it is parsed."""
    depth = 0
    quoted = escaped = False
    if text.count(b"[") + text.count(b"{") <= DEEPEST_JSON:
        return
    for byte in text:
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                quoted = False
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            depth += 1
            if depth > DEEPEST_JSON:
                raise RequestError("JSON_TOO_DEEP", f"JSON is nested at most {DEEPEST_JSON} deep.")
        elif byte in b"]}":
            depth -= 1
