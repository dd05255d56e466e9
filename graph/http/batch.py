"""How many operations may one request hold? As many as the setting says; each is answered as if it had come alone."""

from __future__ import annotations

from typing import Any

from graph.errors import RequestError


def batched(values: list[Any], limit: int) -> list[Any]:
    """The operations of a batch. Raises RequestError BATCH_NOT_ALLOWED, BAD_REQUEST."""
    if limit == 0:
        raise RequestError("BATCH_NOT_ALLOWED", "Send one operation a request.")
    if len(values) > limit:
        raise RequestError("BATCH_NOT_ALLOWED", f"A request holds at most {limit} operations.")
    if not values:
        raise RequestError("BAD_REQUEST", "The batch is empty: send an operation.")
    return values


def status_of(statuses: list[int]) -> int:
    """The status of a batch: that of its operations where it is the same for all, else 200."""
    return statuses[0] if len(set(statuses)) == 1 else 200
