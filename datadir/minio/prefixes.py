"""Which prefixes are there in the bucket, what is kept under each, and what do its keys look like?

`buckets.md` is this file in prose; a test compares them. Whose an object is stands in `datadir/learners.py`: where it
is one person's, the person's id comes first, so that everything of that person is one prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from uuid import UUID

from datadir.minio.errors import BadObjectKey
from datadir.minio.keys import object_key

_PART: Final = re.compile(r"\{(\w+)\}")
_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TEXTS: Final = {"filename": r"[^/]+", "suffix": r"[a-z0-9]{1,8}"}
"""Parts that are not ids: a file's own name, and the end that says its type."""


@dataclass(frozen=True)
class Prefix:
    """One prefix: how its keys are made, the types of what rests there, and what that is."""

    pattern: str
    content: str
    about: str

    @property
    def name(self) -> str:
        """The prefix itself, without its slash."""
        return self.pattern.split("/", 1)[0]

    @property
    def parts(self) -> tuple[str, ...]:
        """What the pattern has in braces."""
        return tuple(_PART.findall(self.pattern))

    def key(self, **parts: UUID | str) -> str:
        """The key with one part for each of the pattern's braces: ids as `UUID`, `filename` and `suffix` as text.

        TypeError for other parts or for an id that is text; BadObjectKey for a text that would not stay in its place.
        """
        if parts.keys() != set(self.parts):
            raise TypeError(f"a key of {self.name} is made of {', '.join(self.parts)}, not of {', '.join(parts)}")
        for name, part in parts.items():
            if name not in _TEXTS and not isinstance(part, UUID):
                raise TypeError("a key is made from a UUID, not from text")
            if name in _TEXTS and not re.fullmatch(_TEXTS[name], str(part)):
                raise BadObjectKey(f"not a {name}")
        return object_key(self.pattern.format(**parts))

    def holds(self, key: str) -> bool:
        """Whether `key` is made by this pattern."""
        return self._shape.fullmatch(key) is not None

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        pieces = _PART.split(self.pattern)  # text, name, text, name, ... text
        return re.compile(
            "".join(_TEXTS.get(piece, _UUID) if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))
        )


RECORDINGS: Final = Prefix(
    "recordings/{classroom}/{meeting}/{recording}.{suffix}",
    "`audio/wav` and others",
    "the sound or picture of a meeting; the row is `recordings` in PostgreSQL",
)
DOCUMENTS: Final = Prefix(
    "documents/{classroom}/{document}/{filename}",
    "as uploaded",
    "a classroom's document as it was uploaded; the row is `documents` in PostgreSQL",
)
KNOWLEDGE: Final = Prefix(
    "knowledge/{document}/{filename}",
    "as uploaded",
    "a document of the knowledge base; the row is `documents` in PostgreSQL, without a classroom",
)
AVATARS: Final = Prefix(
    "avatars/{user}/{avatar}.{suffix}", "`image/png`, `image/jpeg`", "a person's picture; the row is `users`"
)
PROCTORING: Final = Prefix(
    "proctoring/{user}/{session}/{snapshot}.{suffix}",
    "`image/png`, `image/jpeg`",
    "what a camera saw during an assessment; the document is `proctoring_reports` in MongoDB",
)
SOFTSKILLS: Final = Prefix(
    "softskills/{user}/{recording}.{suffix}",
    "`audio/wav`, `video/mp4` and others",
    "what a soft-skills evaluation is based on",
)
RESULTS: Final = Prefix(
    "results/{user}/{job}/{filename}", "as made", "what a job made for somebody: a learning report, an export"
)
AUDIT: Final = Prefix(
    "audit/{head}.{suffix}",
    "`application/json`",
    "how far the audit log was when a process last wrote to it; the rows are `audit_log` in PostgreSQL",
)

PREFIXES: Final = (RECORDINGS, DOCUMENTS, KNOWLEDGE, AVATARS, PROCTORING, SOFTSKILLS, RESULTS, AUDIT)


def prefix_of(key: str) -> Prefix | None:
    """The prefix whose pattern has made this key."""
    return next((prefix for prefix in PREFIXES if prefix.holds(key)), None)
