"""How often is that? So many times in so many seconds, in the notation of the `limits` package: `10/minute`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = 60
"""Seconds of the longest window: no counter lives longer."""
_UNITS: Final = {1: "second", 60: "minute"}


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """`most` times within `seconds`; as often as one likes where `most` is 0."""

    most: int
    seconds: int = LONGEST

    def __str__(self) -> str:
        return f"{self.most}/{_UNITS.get(self.seconds, f'{self.seconds}second')}"


ANY: Final = Rate(0)


def rate(written: Any) -> Rate:
    """A setting's text. Raises ValueError with what it must be."""
    if isinstance(written, Rate):
        return written
    # Imported where it is needed: most starts are content with the defaults.
    from limits import parse_many

    try:
        [found] = parse_many(str(written))
    except ValueError:
        raise ValueError("must be a rate, as 10/minute") from None
    if not 0 < found.get_expiry() <= LONGEST:
        raise ValueError("must be a rate of a minute at most, as 10/minute")
    return Rate(found.amount, found.get_expiry())
