"""What does a client see of a failure? A message, a stable code, and nothing else.

The family, with its statuses under application/graphql-response+json; 200 is an answer with data beside the error:

the document    GRAPHQL_PARSE_FAILED 400, GRAPHQL_VALIDATION_FAILED 400, OPERATION_RESOLUTION_FAILURE 400
├── persisted   PERSISTED_QUERY_NOT_FOUND 200, PERSISTED_QUERY_MISMATCH 400, DOCUMENT_NOT_ALLOWED 403
└── guarded     TOKEN_LIMIT 400, DEPTH_LIMIT 400, ALIAS_LIMIT 400, ROOT_FIELD_LIMIT 400, TOO_MANY_SELECTIONS 400,
                TOO_MANY_DIRECTIVES 400, FRAGMENT_CYCLE 400, VARIABLE_LIMIT 400, LIST_TOO_LONG 400, PAGE_SIZE 400,
                COST_LIMIT 400, INTROSPECTION_DISABLED 400
the request     BAD_REQUEST 400, BAD_JSON 400, JSON_TOO_DEEP 400, BATCH_NOT_ALLOWED 400, CSRF 400,
                METHOD_NOT_ALLOWED 405, NOT_ACCEPTABLE 406, BODY_TOO_LARGE 413, UNSUPPORTED_MEDIA_TYPE 415,
                UNSUPPORTED_ENCODING 415
values          BAD_USER_INPUT 400, BAD_CURSOR 200
access          UNAUTHENTICATED 401, FORBIDDEN 200, NOT_FOUND 200, RATE_LIMITED 429
repeating       IDEMPOTENCY_KEY_REUSED 422, IDEMPOTENCY_ANSWER_MISSING 409
the server      STORE_UNAVAILABLE 200, TIMEOUT 200, OVERLOADED 503, INTERNAL_SERVER_ERROR 500
└── streams     SUBSCRIPTION_LIMIT 429, SLOW_CONSUMER 200

Ordinary failures come with their code (`resolvers/errors.py`); those of the document get theirs here. Anything
unexpected is a defect: the client sees INTERNAL_SERVER_ERROR with the request's id, the log has the traceback, once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import structlog
from graphql import GraphQLError, SourceLocation

from graph.limits.suggestions import without_suggestions
from resolvers.errors import code_of, sentence_of

log = structlog.get_logger("studygraph.errors")

_TOO_DEEP: Final = "Selections are nested too deeply. Execution aborted."


class RequestError(Exception):
    """The request is refused before anything is executed."""

    def __init__(self, code: str, message: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}

    def formatted(self) -> dict[str, Any]:
        """The error as the response's `errors` holds it."""
        return {"message": self.message, "extensions": {"code": self.code}}


def formatted(errors: Iterable[GraphQLError], request_id: str) -> list[dict[str, Any]]:
    """Execution errors as the response's `errors` holds them; defects are masked, and each is logged once."""
    defects: dict[int, tuple[GraphQLError, BaseException]] = {}
    # One failed batch fails in as many places as it has parents: what is said of it is made once.
    told: dict[int, tuple[str, dict[str, Any]]] = {}
    shapes: list[dict[str, Any]] = []
    for error in errors:
        cause = cause_of(error)
        said = told.get(id(cause))
        if said is None:
            message, extensions = _told(cause)
            if extensions is None:
                defects[id(cause)] = error, cause
                message = "Something went wrong on our side."
                extensions = {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id}
            said = told[id(cause)] = message, extensions
        shapes.append(_shape(error, *said))
    for error, cause in defects.values():
        log.error("defect", request_id=request_id, path=error.path, exc_info=cause)
    return shapes


def coded(error: GraphQLError, code: str) -> dict[str, Any]:
    """An error of the document as the response's `errors` holds it."""
    return _shape(error, error.message, {"code": code})


def of_variable(error: GraphQLError, *, hints: bool = True) -> dict[str, Any]:
    """An error of a variable, without the object that graphql-core found there: it may hold a password. `hints`: it may
    name what else there is in the schema."""
    message, found, _ = error.message.partition(", found: ")
    shape = _shape(error, f"{message}." if found else message, {"code": "BAD_USER_INPUT"})
    if not hints:
        shape["message"] = without_suggestions(shape["message"])
    return shape


class Told(GraphQLError):
    """An error as clients see it, for who reads errors and not shapes; what went wrong is its `original_error`."""

    def __init__(self, shape: dict[str, Any], error: GraphQLError | None = None) -> None:
        cause = error.original_error if error is not None else None
        super().__init__(shape["message"], original_error=cause, extensions=shape["extensions"])
        self.path = shape.get("path")
        self.locations = [SourceLocation(**each) for each in shape["locations"]] if "locations" in shape else None


def _shape(error: GraphQLError, message: str, extensions: dict[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = {"message": message}
    if error.locations:
        shape["locations"] = [{"line": each.line, "column": each.column} for each in error.locations]
    if error.path is not None:
        shape["path"] = list(error.path)
    shape["extensions"] = extensions
    return shape


def cause_of(error: GraphQLError) -> BaseException:
    """What went wrong: the exception behind the error, or graphql-core's own words."""
    while isinstance(error.original_error, GraphQLError):
        error = error.original_error
    return error.original_error or error


def _told(cause: BaseException) -> tuple[str, dict[str, Any] | None]:
    """The sentence and the `extensions` of an expected failure; None for a defect."""
    if isinstance(cause, RecursionError) or (isinstance(cause, GraphQLError) and cause.message == _TOO_DEEP):
        return "The document is nested too deep.", {"code": "DEPTH_LIMIT"}
    if isinstance(cause, GraphQLError):
        # Of what graphql-core itself says during execution, only the value of an argument is the client's doing.
        return cause.message, {"code": "BAD_USER_INPUT"} if cause.message.startswith("Argument '") else None
    return sentence_of(cause), code_of(cause)
