"""What comes out of object storage, whichever store it rests in?"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from datadir.minio.errors import BadRange

MAX_OBJECT_BYTES: Final = 64 * 1024 * 1024
MAX_LINK_LIFETIME: Final = timedelta(seconds=900)

# How long each step may take, in seconds. `ANSWER` bounds what every read needs, `TRANSFER` moving the bytes.
ANSWER_DEADLINE: Final = 0.4
TRANSFER_DEADLINE: Final = 10.0
WRITE_DEADLINE: Final = 10.0


class StoredObject(NamedTuple):
    """Bytes of one object: all of them or a range. `size` counts `data`, `total` the whole object."""

    data: bytes
    content_type: str
    size: int
    total: int


class ObjectHead(NamedTuple):
    """What is known of one object without its bytes."""

    key: str
    content_type: str
    total: int


class Listed(NamedTuple):
    """One line of a listing."""

    key: str
    total: int


def link_seconds(expires: timedelta) -> int:
    """The lifetime of a link in whole seconds, at least one. Raises ValueError above 900 s or at nothing."""
    seconds = int(expires.total_seconds())
    if seconds < 1 or expires > MAX_LINK_LIFETIME:
        raise ValueError(f"a link lives between 1 and {MAX_LINK_LIFETIME.seconds} seconds, not {expires}")
    return seconds


def checked_range(wanted: tuple[int, int]) -> tuple[int, int]:
    """A half-open range `(start, stop)` of at least one byte. Raises ValueError for any other pair."""
    start, stop = wanted
    if not 0 <= start < stop:
        raise ValueError(f"not a range of bytes: {wanted}")
    return start, stop


def clipped_range(wanted: tuple[int, int], total: int) -> tuple[int, int]:
    """The part of a checked range that an object of `total` bytes has. Raises BadRange where it has none."""
    start, stop = wanted
    if start >= total:
        raise BadRange(total)
    return start, min(stop, total)
