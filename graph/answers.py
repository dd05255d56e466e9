"""What goes back? A result or a failure as the members of a response, and the status that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import ExecutionResult, GraphQLError

from graph.errors import RequestError, formatted
from graph.execution.admitting import TooCostly
from graph.execution.documents import DocumentErrors

_STATUSES: Final = {
    "BAD_USER_INPUT": 400,
    "UNAUTHENTICATED": 401,
    "IDEMPOTENCY_ANSWER_MISSING": 409,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "DEPTH_LIMIT": 400,
    "STORE_UNAVAILABLE": 503,
    "TIMEOUT": 504,
    "RATE_LIMITED": 429,
}


UNHEARD: Final = 499
"""The status of an operation whose client hung up, in logs and metrics: no client ever sees it."""


@dataclass(slots=True)
class Answer:
    """What goes back: the response's members, the HTTP status, whether anything was executed; of an event, where its
    stream goes on."""

    body: dict[str, Any]
    status: int = 200
    executed: bool = True
    cursor: str | None = None


def answered(result: ExecutionResult, request_id: str) -> Answer:
    return told(result.data, formatted(result.errors, request_id) if result.errors else ())


def told(data: Any, errors: Sequence[dict[str, Any]]) -> Answer:
    """The same of errors that have their form."""
    body: dict[str, Any] = {}
    if errors:
        body["errors"] = errors
    if data is None and _are_limited(errors):
        # What was tried too often was not done: nothing is there, and the status says when to come again.
        first = errors[0]
        return Answer({"errors": [{"message": first["message"], "extensions": first["extensions"]}]}, 429, False)
    executed = data is not None or any(error.get("path") for error in errors)
    if executed or not errors:
        body["data"] = data
    return Answer(body, 200 if executed or not errors else 400, executed=executed)


def _are_limited(errors: Sequence[dict[str, Any]]) -> bool:
    return bool(errors) and all(error["extensions"]["code"] == "RATE_LIMITED" for error in errors)


def refused(error: Exception, request_id: str) -> Answer:
    """A failure before execution: the document's, the envelope's or the preamble's."""
    if isinstance(error, TooCostly):
        return Answer({"errors": error.errors, "extensions": {"cost": error.cost}}, 400, executed=False)
    if isinstance(error, DocumentErrors):
        return Answer({"errors": error.errors}, 400, executed=False)
    if isinstance(error, RequestError):
        return Answer({"errors": [error.formatted()]}, error.status, executed=False)
    errors = formatted([GraphQLError(str(error), original_error=error)], request_id)
    status = _STATUSES.get(errors[0]["extensions"]["code"], 500)
    return Answer({"errors": errors}, status, executed=False)
