"""Which HTTP status has an answer? By the edition of GraphQL over HTTP that the settings name, and its media type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from graph.http.negotiation import JSON

Statuses = Callable[[dict[str, Any], int, str], int]
"""The answer's members, the status it comes with, its media type; the status it goes with."""

# Refusals of the envelope keep their status under either media type; those of the document, of an argument or by the
# guard are answers (200) to a client that asked for application/json, which reads the body and not the status.
ENVELOPE_STATUSES: Final = frozenset({401, 403, 405, 406, 409, 413, 415, 422, 429, 500, 503, 504})
_ENVELOPE_CODES: Final = frozenset({"BAD_REQUEST", "BAD_JSON", "JSON_TOO_DEEP", "BATCH_NOT_ALLOWED", "CSRF"})
# What is no GraphQL at all; anything else that is refused is understood, and cannot be done.
_NO_GRAPHQL: Final = _ENVELOPE_CODES | {"GRAPHQL_PARSE_FAILED", "TOKEN_LIMIT", "PERSISTED_QUERY_MISMATCH"}


def of_2025(body: dict[str, Any], status: int, kind: str) -> int:
    """As clients of today expect it."""
    if kind == JSON and status not in ENVELOPE_STATUSES and "errors" in body and "data" not in body:
        codes = {error["extensions"]["code"] for error in body["errors"]}
        if not codes & _ENVELOPE_CODES:
            return 200
    return status


def of_2026(body: dict[str, Any], status: int, kind: str) -> int:
    """Of September 2026: 294 where errors stand beside data, 422 for what is understood and cannot be done, the same
    under either media type."""
    if "errors" not in body:
        return status
    if "data" in body:
        return 294
    if status == 400 and not {error["extensions"]["code"] for error in body["errors"]} & _NO_GRAPHQL:
        return 422
    return status


STATUSES: Final[dict[str, Statuses]] = {"2025": of_2025, "2026": of_2026}
