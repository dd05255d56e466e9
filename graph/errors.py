"""What does a client see of a failure? A message, a stable code, and nothing else.

Ordinary failures come with their code (`resolvers/errors.py`); those of the document get theirs here. Anything
unexpected is a defect: the client sees INTERNAL_SERVER_ERROR with the request's id, the log has the traceback, once.
"""

from __future__ import annotations

from typing import Any

import structlog
from graphql import GraphQLError

from resolvers.errors import code_of, sentence_of

log = structlog.get_logger("studygraph.errors")


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


def formatted(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """An execution error as the response's `errors` holds it; defects are masked and logged."""
    original = error.original_error
    shape: dict[str, Any] = {"message": error.message}
    if error.locations:
        shape["locations"] = [{"line": each.line, "column": each.column} for each in error.locations]
    if error.path is not None:
        shape["path"] = list(error.path)
    while isinstance(original, GraphQLError):
        original = original.original_error
    if original is None:
        # graphql-core's own: an argument's or variable's value.
        shape["extensions"] = {"code": "BAD_USER_INPUT"}
        return shape
    extensions = code_of(original)
    if extensions is None:
        log.error("defect", request_id=request_id, path=error.path, exc_info=original)
        shape["message"] = "Something went wrong on our side."
        extensions = {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id}
    else:
        shape["message"] = sentence_of(original)
    shape["extensions"] = extensions
    return shape


def coded(error: GraphQLError, code: str) -> dict[str, Any]:
    """An error of the document as the response's `errors` holds it."""
    shape: dict[str, Any] = {"message": error.message}
    if error.locations:
        shape["locations"] = [{"line": each.line, "column": each.column} for each in error.locations]
    shape["extensions"] = {"code": code}
    return shape
