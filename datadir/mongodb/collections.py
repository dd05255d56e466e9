"""Which collections exist in MongoDB, in what shape, found by which indexes?

Data only: `Documents.prepare()` brings a server to this state, `collections.md` says it for people and a test compares
the two. Ids are lower-case UUID text as in the seeds, times are dates in UTC. No index and no query uses `$text`: the
embedded server does not have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UUID_TEXT = {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"}
WHOLE = {"bsonType": ["int", "long"], "minimum": 0}
NUMBER = ["int", "long", "double"]


@dataclass(frozen=True, slots=True)
class Index:
    """One index: its name, (field, direction) pairs, whether it is unique, seconds after which a document expires."""

    name: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    expire_after: int | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection: its name, `$jsonSchema`, indexes, the field that the viewer's scope is matched with (`door`),
    and where it holds a learner (`learner`, None where it holds none)."""

    name: str
    schema: Mapping[str, Any]
    indexes: tuple[Index, ...]
    door: str
    learner: str | None


TRANSCRIPTS = Collection(
    name="transcripts",
    schema={
        "bsonType": "object",
        "required": [
            "meeting_id",
            "classroom_id",
            "segments",
            "full_text",
            "word_count",
            "duration_seconds",
            "language",
            "created_at",
        ],
        "properties": {
            "meeting_id": UUID_TEXT,
            "classroom_id": UUID_TEXT,
            "segments": {
                "bsonType": "array",
                "items": {
                    "bsonType": "object",
                    "required": ["speaker_name", "start_time", "end_time", "text"],
                    "properties": {
                        "speaker_id": {"anyOf": [UUID_TEXT, {"bsonType": "null"}]},
                        "speaker_name": {"bsonType": "string"},
                        "start_time": {"bsonType": NUMBER, "minimum": 0},
                        "end_time": {"bsonType": NUMBER, "minimum": 0},
                        "text": {"bsonType": "string"},
                        "confidence": {"bsonType": [*NUMBER, "null"], "minimum": 0, "maximum": 1},
                    },
                },
            },
            "full_text": {"bsonType": "string"},
            "word_count": WHOLE,
            "duration_seconds": WHOLE,
            "language": {"bsonType": "string"},
            "created_at": {"bsonType": "date"},
        },
    },
    indexes=(
        Index("one_per_meeting", (("meeting_id", 1),), unique=True),
        Index("newest_of_classroom", (("classroom_id", 1), ("created_at", -1))),
    ),
    door="classroom_id",
    learner="segments.speaker_id",
)

COLLECTIONS = (TRANSCRIPTS,)
"""Every collection that the program uses."""
