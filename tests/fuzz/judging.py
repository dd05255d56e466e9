"""Is this an answer? No status of 500 and above but the shed's, no failure without a code that is documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.fuzz.exchange import Heard
from tests.fuzz.requests import Sent

_ERRORS: Final = Path(__file__).parents[2] / "docs" / "errors.md"
CODES: Final = frozenset(re.findall(r"^### ([A-Z_]+)$", _ERRORS.read_text(encoding="utf-8"), re.MULTILINE))
DEFECT: Final = "INTERNAL_SERVER_ERROR"
CLOSES: Final = frozenset({1000, 1001, 1002, 1003, 1005, 1007, 1009, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429})
"""How a socket may end. 4500 and 1011 are defects, 1012 is the end of the server."""
_MESSAGES: Final = frozenset({"connection_ack", "next", "error", "complete", "ping", "pong"})


def told(heard: Heard) -> str:
    """In a word what an answer was: the first code, the status, how a socket ended."""
    if heard.close:
        return f"closed {heard.close}"
    if heard.status == 101:
        return "talked"
    codes = [code for each in _bodies(heard) for code in _codes(each)]
    return str(codes[0]) if codes else str(heard.status or "nothing")


def complaint(sent: Sent, heard: Heard) -> str | None:
    """What is wrong with an answer, None where nothing is."""
    if heard.lost:
        # Whoever breaks the frames themselves may lose the connection, but only after a close.
        return "the connection ended without an answer"
    if heard.status == 101:
        return _of_socket(heard)
    try:
        bodies = list(_bodies(heard))
    except ValueError as error:
        return f"{heard.status} with a body that is not JSON: {error}"
    codes = [code for each in bodies for code in _codes(each)]
    if unknown := [code for code in codes if code not in CODES or code == DEFECT]:
        return f"{heard.status} with {unknown}"
    if heard.status >= 500 and (heard.status != 503 or set(codes) != {"OVERLOADED"}):
        return f"{heard.status} with {codes}"
    if heard.status >= 400 and not codes and not sent.wire.startswith(b"HEAD "):
        return f"{heard.status} without a code: {heard.body[:200]!r}"
    return None


def _of_socket(heard: Heard) -> str | None:
    if heard.close and heard.close not in CLOSES:
        return f"closed {heard.close}"
    for text in heard.messages:
        message = json.loads(text)
        if message.get("type") not in _MESSAGES:
            return f"said {text[:200]}"
        payload = message.get("payload")
        errors = payload if message["type"] == "error" else (payload or {}).get("errors", [])
        if unknown := [code for code in _codes({"errors": errors}) if code not in CODES or code == DEFECT]:
            return f"said {message['type']} with {unknown}"
    return None


def _bodies(heard: Heard) -> Iterator[Any]:
    """The GraphQL responses and JSON of an answer. Raises ValueError where one is no JSON."""
    kind = heard.kind.partition(";")[0].strip().lower()
    if kind in ("application/json", "application/graphql-response+json"):
        found = json.loads(heard.body) if heard.body else {}
        yield from found if isinstance(found, list) else [found]
    elif kind == "text/event-stream":
        for line in heard.body.split(b"\n")[:-1]:
            if line.startswith(b"data: ") and line != b"data: ":
                yield json.loads(line[6:])
    elif kind == "multipart/mixed":
        # The last part may not have come whole.
        for part in heard.body.split(b"\r\n---")[:-1]:
            _, _, text = part.partition(b"\r\n\r\n")
            if text.strip():
                yield json.loads(text)


def _codes(body: Any) -> list[Any]:
    """The codes of a response's errors; None stands for one without."""
    found = body.get("errors", []) if isinstance(body, dict) else []
    if isinstance(body, dict) and isinstance(body.get("payload"), dict):
        found = [*found, *body["payload"].get("errors", [])]
    return [(each.get("extensions") or {}).get("code") if isinstance(each, dict) else None for each in found]
