"""What does the failure of a store mean for what is read from it? Each read says so, and the schema shows it.

A read of `loaders/` is declared with `degrades`; whoever in `resolvers/` answers by such reads takes their word over
with `degrades_with`; the fields of the graph take it from there (`@degrades` in `schema.graphql`). STALE is no promise
that can be made by a word: it is declared by having a cache of last good values (`loaders/cache.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Degrades(Enum):
    """What becomes of a field whose store fails."""

    STALE = "Its last good value, at most 30 minutes old, with its age in `extensions.sources`; without one it is null."
    NULL = "It is null, or each record in it is, with the error STORE_UNAVAILABLE; all other fields are right."
    ERROR = "There is no answer without it: STORE_UNAVAILABLE is the answer of the whole operation."


_WORD: Final = "__degrades__"
_HARM: Final = list(Degrades)  # the least first


class Undeclared(TypeError):
    """A read does not say what the failure of its store means: the program does not start."""


def degrades(to: Degrades | None) -> Callable[[F], F]:
    """Declare it of a read. None: whatever fails is told by the value itself, as the health of the stores is.

    Raises Undeclared for STALE, which a cache alone may say."""
    if to is Degrades.STALE:
        raise Undeclared("STALE is what a read with a cache of last good values says: see loaders/cache.py")

    return lambda read: declared(read, to)


def declared(read: T, to: Degrades | None) -> T:
    """The same read, of which this is declared."""
    setattr(read, _WORD, to)
    return read


def degrades_with(*reads: Any) -> Callable[[F], F]:
    """Declare that a function fails as these reads do: what harms most counts. Raises Undeclared."""
    words = [word for word in map(degradation, reads) if word is not None]
    worst = max(words, key=_HARM.index, default=None)
    return lambda function: declared(function, worst)


def degradation(read: Any) -> Degrades | None:
    """What was declared of a read, or of a function that answers by reads. Raises Undeclared."""
    try:
        word: Degrades | None = getattr(read, _WORD)
    except AttributeError:
        name = getattr(read, "__qualname__", repr(read))
        raise Undeclared(f"{name} does not say what the failure of its store means") from None
    return word
