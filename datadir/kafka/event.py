"""What is an event, and what does whoever reads the log receive?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


class Event(NamedTuple):
    """Something that happened. `event_id` is the same however often it is delivered; `key` orders: events of one key
    are read in the order in which their transactions committed. `payload` is a JSON object; what its type calls
    personal rests sealed (`event_types.py`). `at` has a time zone and is cut to milliseconds when it is written.
    `version` is the type's, as it was when the event was appended."""

    event_id: UUID
    topic: str
    key: str
    type: str
    payload: Mapping[str, Any]
    at: datetime
    version: int = 1


class Delivery(NamedTuple):
    """An event where it rests: offsets grow within a partition."""

    event: Event
    partition: int
    offset: int
