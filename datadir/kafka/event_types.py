"""Which types of events are there, what does each carry, and which of that opens with its learner's key only?

`events.md` is this file in prose; a test compares them. A type is known before its first event is appended: a field
that a person may have written into is declared here, or it would rest in logs and backups for ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from datadir.kafka.event import Event

KEY: Final = "key"
ANY: Final = "*"
_WORD: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}")


class EventType(NamedTuple):
    """One type of events. `name` is ANY where clients choose the word. `version` grows when the shape of the payload
    changes, and readers meet the old ones for as long as the log is kept. `fields` are the payload's; those in
    `personal` rest sealed, and a field that was personal once stays so. `learner` says where the learner's id stands:
    KEY, or a field of the payload."""

    topic: str
    name: str
    version: int
    fields: tuple[str, ...]
    personal: tuple[str, ...]
    learner: str
    about: str

    def learner_of(self, event: Event) -> UUID:
        """Whose event it is. ValueError where it does not say."""
        text = event.key if self.learner == KEY else event.payload.get(self.learner)
        try:
            return UUID(str(text))
        except ValueError:
            raise ValueError(f"an event {event.type!r} with personal texts names no learner") from None


EVENT_TYPES: Final = (
    EventType("accounts.events", "user.logged_in", 1, ("role",), (), KEY, "somebody has logged in"),
    EventType(
        "learning.events",
        ANY,
        1,
        ("user_id", "session_id", "page", "classroom_id", "properties"),
        ("page", "properties"),
        KEY,
        "a trace of learning; the type is the client's own word, such as `page_view`",
    ),
)
_KNOWN: Final = {(each.topic, each.name): each for each in EVENT_TYPES}


def type_of(topic: str, name: str) -> EventType:
    """What is known of a type of events. ValueError for one that is not declared, or that is no plain word."""
    if not _WORD.fullmatch(name):
        # It may be anything that somebody wrote, and is not repeated.
        raise ValueError(f"the name of a type of events in {topic} is no plain word")
    known = _KNOWN.get((topic, name)) or _KNOWN.get((topic, ANY))
    if known is None:
        raise ValueError(f"no such type of events in {topic}: {name!r}")
    return known
