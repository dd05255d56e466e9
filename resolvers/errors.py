"""What can be refused, and in which words?

Refusal                 an ordinary failure: an answer, not a surprise
├── Unauthenticated     UNAUTHENTICATED   no, bad, expired or revoked token where one is needed
├── Forbidden           FORBIDDEN         known, but not to be read or done by this viewer
├── NotFound            NOT_FOUND         unknown, or not to be known: the same words for both
├── BadUserInput        BAD_USER_INPUT    an argument's value
├── OutOfTime           TIMEOUT           not there when the operation's deadline passed
├── RateLimited         RATE_LIMITED      more than may be done in a while
├── KeyReused           IDEMPOTENCY_KEY_REUSED  something else was done under this key
├── AnswerMissing       IDEMPOTENCY_ANSWER_MISSING  it was done under this key, and what was answered is not there
│   └── Repeated        the same, as whoever was about to do it is told
└── PageSize            PAGE_SIZE         outside 1-100

Stores fail with `datadir.errors.StoreError`, cursors with `loaders.cursor.InvalidCursor`; `code_of` puts all of them
into the codes of `docs/errors.md`. Anything else is a defect and is masked by `graph/errors.py`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from datadir.errors import StoreUnavailable
from loaders.cursor import InvalidCursor


class Refusal(Exception):
    """An ordinary failure with a stable code."""

    code: ClassVar[str] = "BAD_REQUEST"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthenticated(Refusal):
    """A token is needed, and there is none that holds."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str = "Log in first: this needs a valid access token.") -> None:
        super().__init__(message)


class Forbidden(Refusal):
    """The viewer may know of it, not read or do it."""

    code = "FORBIDDEN"

    def __init__(self, message: str = "Your role in this classroom or account may not read this.") -> None:
        super().__init__(message)


class NotFound(Refusal):
    """Never existed, or the viewer may not know that it does: one sentence for both."""

    code = "NOT_FOUND"

    def __init__(self, message: str = "There is no such record, or it is not yours to see.") -> None:
        super().__init__(message)


class BadUserInput(Refusal):
    """An argument has a value that makes no sense here."""

    code = "BAD_USER_INPUT"


class OutOfTime(Refusal):
    """The operation's deadline has passed."""

    code = "TIMEOUT"

    def __init__(self, message: str = "This was not there in the time that an operation has.") -> None:
        super().__init__(message)


class RateLimited(Refusal):
    """So much may be done in a while, and this was more."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, retry_after: int) -> None:
        """`retry_after` in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class KeyReused(Refusal):
    """The viewer has done something else under this idempotency key."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self, message: str = "Something else was done under this key: it needs another one.") -> None:
        super().__init__(message)


class AnswerMissing(Refusal):
    """It was done under this idempotency key; what was answered is not there, or not yet."""

    code = "IDEMPOTENCY_ANSWER_MISSING"

    def __init__(self, retry_after: int = 1) -> None:
        """`retry_after` in seconds."""
        super().__init__("It was done under this key; its answer is not there (yet). Nothing was done again.")
        self.retry_after = retry_after


class Repeated(AnswerMissing):
    """Whoever is about to do it learns that somebody has done it under this key: nothing may be done again."""


class PageSize(Refusal):
    """`first` or `last` outside 1-100, or both."""

    code = "PAGE_SIZE"


def code_of(error: BaseException) -> dict[str, Any] | None:
    """`extensions` of an expected failure, None for a defect."""
    if isinstance(error, (RateLimited, AnswerMissing)):
        return {"code": error.code, "retryAfter": error.retry_after}
    if isinstance(error, Refusal):
        return {"code": error.code}
    if isinstance(error, StoreUnavailable):
        return {"code": "STORE_UNAVAILABLE", "store": error.store.value}
    if isinstance(error, InvalidCursor):
        return {"code": "BAD_CURSOR"}
    return None


def sentence_of(error: BaseException) -> str:
    """The sentence that may leave the server."""
    if isinstance(error, StoreUnavailable):
        return f"The store {error.store.value} does not answer at the moment."
    if isinstance(error, InvalidCursor):
        return "This cursor does not belong to this list and order."
    return str(error)
