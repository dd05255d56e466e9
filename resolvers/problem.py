"""What is wrong with an input, in the terms of its domain? A payload error: an answer, not an exception."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """A code of the domain, a sentence, and where in the input."""

    code: str
    message: str
    path: list[str]


def problem(code: str, message: str, *path: str) -> Problem:
    """One problem; `path` goes on from `input`."""
    return Problem(code, message, ["input", *path])
