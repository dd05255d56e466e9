"""How do answers travel as server-sent events? By GraphQL over SSE in its mode of distinct connections: one request,
its `next` events, one `complete`. Lines end with LF alone: some clients split at nothing else."""

from __future__ import annotations

from typing import Final

import orjson

from graph.http.operations import Answered

CONTENT_TYPE: Final = "text/event-stream"
PARAMETERS: Final = "; charset=utf-8"
OPENING: Final = b""
PULSE: Final = b": still here\n\n"
END: Final = b"event: complete\ndata:\n\n"


def part(answer: Answered) -> bytes:
    """One answer. Its cursor comes back as Last-Event-ID from a client that lost the connection."""
    identity = b"" if answer.cursor is None else b"id: " + answer.cursor.encode() + b"\n"
    return identity + b"event: next\ndata: " + orjson.dumps(answer.body) + b"\n\n"
