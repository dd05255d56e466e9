"""What does a request ask? Bytes or a query string to document, variables, operation name; malformed ones refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import orjson

from graph.errors import RequestError
from graph.http.incoming import Incoming

LARGEST_BODY: Final = 256 * 1024
DEEPEST_JSON: Final = 30

# A text that is never closed is one up to the end: the expression looks at no byte twice.
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKET: Final = re.compile(rb"[^][{}]+")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@dataclass(frozen=True, slots=True)
class Envelope:
    """One GraphQL request."""

    document: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None


async def from_post(request: Incoming) -> Envelope:
    """The envelope in a POST body. Raises RequestError, Disconnected."""
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError("UNSUPPORTED_MEDIA_TYPE", "Send application/json.", 415, {"accept": "application/json"})
    if (request.header(b"content-encoding") or "identity").strip().lower() not in ("", "identity"):
        raise RequestError("UNSUPPORTED_ENCODING", "Send the body uncompressed.", 415, {"accept-encoding": "identity"})
    return from_json(await request.body(LARGEST_BODY))


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


def from_query(request: Incoming) -> Envelope:
    """The envelope in a query string. Raises RequestError."""
    value: dict[str, Any] = {key: given for key, given in request.query().items() if given}
    for key in ("variables", "extensions"):
        if key in value:
            text = value[key].encode()
            _refuse_depth(text)
            try:
                value[key] = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise RequestError("BAD_JSON", f"`{key}` is not JSON: {error.msg}.") from error
    return _envelope(value)


def _envelope(value: dict[str, Any]) -> Envelope:
    document, variables = value.get("query"), value.get("variables")
    name, extensions = value.get("operationName"), value.get("extensions")
    if not isinstance(document, str) or not document.strip():
        raise RequestError("BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document.")
    if variables is not None and not isinstance(variables, dict):
        raise RequestError("BAD_REQUEST", "`variables` is an object.")
    if name is not None and not isinstance(name, str):
        raise RequestError("BAD_REQUEST", "`operationName` is a text.")
    if extensions is not None and not isinstance(extensions, dict):
        raise RequestError("BAD_REQUEST", "`extensions` is an object.")
    return Envelope(document, variables or {}, name or None)


def _refuse_depth(text: bytes) -> None:
    """Refuse JSON that is nested too deep, before it is parsed."""
    if text.count(b"[") + text.count(b"{") <= DEEPEST_JSON:
        return
    brackets = _NO_BRACKET.sub(b"", _TEXT.sub(b"", text))
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > DEEPEST_JSON:
        raise RequestError("JSON_TOO_DEEP", f"JSON is nested at most {DEEPEST_JSON} deep.")
