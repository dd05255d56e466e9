"""How do answers travel as parts of one response? As Apollo's multipart subscriptions, and as the patches of @defer and
@stream. The boundary comes after each part: clients read a part once they see its end."""

from __future__ import annotations

from typing import Final

import orjson

from graph.http.operations import Answered

CONTENT_TYPE: Final = "multipart/mixed"
BOUNDARY: Final = "graphql"
OPENING: Final = b"\r\n--graphql"
END: Final = b"--\r\n"
_HEAD: Final = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"


def _part(value: object) -> bytes:
    return _HEAD + orjson.dumps(value) + OPENING


PULSE: Final = _part({})
SUBSCRIPTION_PARAMETERS: Final = f'; boundary="{BOUNDARY}"; subscriptionSpec="1.0"'
INCREMENTAL_PARAMETERS: Final = f'; boundary="{BOUNDARY}"'


def event(answer: Answered) -> bytes:
    """An event of a subscription. One that was refused is the end of the whole stream, which Apollo tells so."""
    if answer.executed:
        return _part({"payload": answer.body})
    return _part({"payload": None, "errors": answer.body["errors"]})


def patch(answer: Answered) -> bytes:
    """A part of an answer that comes piece by piece; the only one says so too."""
    return _part(answer.body if "hasNext" in answer.body else {**answer.body, "hasNext": False})
