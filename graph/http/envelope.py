"""What does a request ask? Bytes or a query string to document, variables, operation name; malformed ones refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import orjson

from graph.errors import RequestError
from graph.http.batch import batched
from graph.http.incoming import Incoming

LARGEST_BODY: Final = 256 * 1024
DEEPEST_JSON: Final = 30
FORM: Final = "multipart/form-data"

# A text that is never closed is one up to the end: the expression looks at no byte twice.
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SHA256: Final = re.compile("[0-9a-f]{64}")
_NO_BRACKET: Final = re.compile(rb"[^][{}]+")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@dataclass(frozen=True, slots=True)
class Envelope:
    """One GraphQL request. `document` is empty where it is named instead: by `document_id`, or by `hash`, the SHA-256
    of its text; with a text beside it the hash registers it."""

    document: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None
    hash: str | None = None
    document_id: str | None = None


class FormGiven(Exception):
    """The body is a form, which is read another way."""


async def from_post(request: Incoming, batch_limit: int = 0) -> Envelope | list[Envelope]:
    """The envelope in a POST body; those of a batch of at most `batch_limit`. Raises RequestError, Disconnected,
    FormGiven."""
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        if kind == FORM:
            raise FormGiven
        raise RequestError("UNSUPPORTED_MEDIA_TYPE", "Send application/json.", 415, {"accept": "application/json"})
    if (request.header(b"content-encoding") or "identity").strip().lower() not in ("", "identity"):
        raise compressed()
    return from_json(await request.body(LARGEST_BODY), batch_limit)


def compressed() -> RequestError:
    """The refusal of a body that would have to be unpacked first: nobody knows how large it is."""
    return RequestError("UNSUPPORTED_ENCODING", "Send the body uncompressed.", 415, {"accept-encoding": "identity"})


def from_json(body: bytes, batch_limit: int = 0) -> Envelope | list[Envelope]:
    """The envelope in a JSON text, or those of a batch. Raises RequestError."""
    if not body.strip():
        raise RequestError("BAD_REQUEST", "The body is empty: send a JSON object with `query`.")
    return enveloped(parsed(body, "The body"), batch_limit)


def enveloped(value: Any, batch_limit: int) -> Envelope | list[Envelope]:
    """The envelope that a JSON value is, or those of a batch. Raises RequestError."""
    return (
        [from_object(each) for each in batched(value, batch_limit)] if isinstance(value, list) else from_object(value)
    )


def parsed(text: bytes, what: str) -> Any:
    """The value of a JSON text; `what` is its name in a sentence. Raises RequestError."""
    _refuse_depth(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RequestError("BAD_JSON", f"{what} is not JSON: {error.msg}.") from error


def from_query(request: Incoming) -> Envelope:
    """The envelope in a query string. Raises RequestError."""
    value: dict[str, Any] = {key: given for key, given in request.query().items() if given}
    for key in ("variables", "extensions"):
        if key in value:
            value[key] = parsed(value[key].encode(), f"`{key}`")
    return from_object(value)


def from_object(value: Any) -> Envelope:
    """The envelope that a JSON value is. Raises RequestError."""
    if not isinstance(value, dict):
        raise RequestError("BAD_REQUEST", "The body is a JSON object with `query`.")
    document, variables = value.get("query"), value.get("variables")
    name, extensions = value.get("operationName"), value.get("extensions")
    if variables is not None and not isinstance(variables, dict):
        raise RequestError("BAD_REQUEST", "`variables` is an object.")
    if name is not None and not isinstance(name, str):
        raise RequestError("BAD_REQUEST", "`operationName` is a text.")
    if extensions is not None and not isinstance(extensions, dict):
        raise RequestError("BAD_REQUEST", "`extensions` is an object.")
    digest = _hash(extensions) if extensions else None
    identity = value.get("documentId")
    if identity is not None and (not isinstance(identity, str) or not identity or document or digest):
        raise RequestError("BAD_REQUEST", "`documentId` is a text, and stands in the place of `query`.")
    if document is None and (digest or identity):
        document = ""
    elif not isinstance(document, str) or not (document.strip() or digest):
        raise RequestError("BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document.")
    return Envelope(document, variables or {}, name or None, digest, identity)


def _hash(extensions: dict[str, Any]) -> str | None:
    """The hash of a persisted query, None where there is none."""
    asked = extensions.get("persistedQuery")
    if asked is None:
        return None
    digest = asked.get("sha256Hash") if isinstance(asked, dict) and asked.get("version") == 1 else None
    if not isinstance(digest, str) or _SHA256.fullmatch(digest) is None:
        sentence = "`persistedQuery` holds `version`, 1, and `sha256Hash`, 64 hexadecimal digits."
        raise RequestError("BAD_REQUEST", sentence)
    return digest


def _refuse_depth(text: bytes) -> None:
    """Refuse JSON that is nested too deep, before it is parsed."""
    if text.count(b"[") + text.count(b"{") <= DEEPEST_JSON:
        return
    brackets = _NO_BRACKET.sub(b"", _TEXT.sub(b"", text))
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > DEEPEST_JSON:
        raise RequestError("JSON_TOO_DEEP", f"JSON is nested at most {DEEPEST_JSON} deep.")
