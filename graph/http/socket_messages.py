"""What does a client say on a WebSocket? The messages of graphql-transport-ws, read strictly: what is none of them
closes the socket with 4400, as the protocol says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from graph.errors import RequestError
from graph.http.envelope import Envelope, from_object, parsed

LONGEST_ID: Final = 255
LONGEST_REASON: Final = 120
"""Characters of a close's reason: a close frame holds 123 bytes."""

_TOKEN_KEYS: Final = ("authorization", "token", "accesstoken", "authtoken")


class Malformed(Exception):
    """This is no message of the protocol; the sentence is the close's reason."""


@dataclass(frozen=True, slots=True)
class Init:
    """`connection_init`. `authorization` is as the header has it; None where nothing was given."""

    authorization: str | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`subscribe`: an operation of any kind."""

    id: str
    envelope: Envelope
    wants_ledger: bool
    wants_plan: bool


@dataclass(frozen=True, slots=True)
class Complete:
    """`complete`: no more of this."""

    id: str


@dataclass(frozen=True, slots=True)
class Ping:
    """`ping`; the `payload` comes back."""

    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    """`pong`: the client is there."""


Message = Init | Subscribe | Complete | Ping | Pong


def message(text: str | None) -> Message:
    """The message that a frame holds; None is a binary one. Raises Malformed."""
    if text is None:
        raise Malformed("Messages are text.")
    try:
        value = parsed(text.encode(), "A message")
    except RequestError as error:
        raise Malformed(error.message) from error
    except UnicodeEncodeError as error:
        raise Malformed("A message is text in UTF-8.") from error
    if not isinstance(value, dict):
        raise Malformed("A message is a JSON object.")
    kind, payload = value.get("type"), value.get("payload")
    if kind == "subscribe":
        return _subscribe(_id(value), payload)
    if kind == "complete":
        return Complete(_id(value))
    if kind in ("connection_init", "ping", "pong"):
        if payload is not None and not isinstance(payload, dict):
            raise Malformed(f"The payload of `{kind}` is an object.")
        return Init(_authorization(payload or {})) if kind == "connection_init" else _beat(kind, payload)
    raise Malformed("A message has a `type` of graphql-transport-ws.")


def _beat(kind: str, payload: dict[str, Any] | None) -> Message:
    return Ping(payload) if kind == "ping" else Pong()


def _id(value: dict[str, Any]) -> str:
    found = value.get("id")
    if not isinstance(found, str) or not found or len(found) > LONGEST_ID:
        raise Malformed(f"An operation has an `id`, a text of 1 to {LONGEST_ID} characters.")
    return found


def _subscribe(identity: str, payload: Any) -> Subscribe:
    if not isinstance(payload, dict):
        raise Malformed("The payload of `subscribe` is an object with `query`.")
    try:
        envelope = from_object(payload)
    except RequestError as error:
        raise Malformed(error.message) from error
    shown = payload.get("extensions") or {}
    return Subscribe(identity, envelope, shown.get("ledger") is True, shown.get("explain") is True)


def _authorization(payload: dict[str, Any]) -> str | None:
    """The Authorization header that a payload stands for. Raises Malformed."""
    given = {str(key).lower().replace("-", "").replace("_", ""): value for key, value in payload.items()}
    headers = given.get("headers")
    if isinstance(headers, dict):
        given = {str(key).lower(): value for key, value in headers.items()} | given
    token = next((given[key] for key in _TOKEN_KEYS if given.get(key) is not None), None)
    if token is None:
        return None
    if not isinstance(token, str):
        raise Malformed("The token in the payload of `connection_init` is a text.")
    scheme, _, rest = token.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" and rest else f"Bearer {token.strip()}"


def framed(**members: Any) -> str:
    """A message of ours as text."""
    return orjson.dumps({name: value for name, value in members.items() if value is not None}).decode()
