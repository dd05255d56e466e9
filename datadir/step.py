"""What is one thing that a store lacks, and what makes it?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Step(NamedTuple):
    """`what` is a phrase for people, such as `index expiry of activity_logs`. Taking it twice is taking it once."""

    what: str
    take: Callable[[], Awaitable[object]]
