"""Which collections exist in MongoDB, in what shape, found by which indexes?

Data only: `Documents.prepare()` brings a server to this state, `init.js` is made from it, `collections.md` says it for
people, and tests compare them. Ids are lower-case UUID text as in the seeds, times are dates in UTC. No index and no
query uses `$text`: the embedded server does not have it. Whose a document is stands in `datadir/learners.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Shape = Mapping[str, Any]

UUID_TEXT: Final = {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"}
TEXT: Final = {"bsonType": "string"}
TEXT_OR_NONE: Final = {"bsonType": ["string", "null"]}
DATE: Final = {"bsonType": "date"}
DATE_OR_NONE: Final = {"bsonType": ["date", "null"]}
FREE: Final = {"bsonType": "object"}
WHOLE: Final = {"bsonType": ["int", "long"], "minimum": 0}
WHOLE_OR_NONE: Final = {"bsonType": ["int", "long", "null"], "minimum": 0}
NUMBER: Final = ["int", "long", "double"]
AMOUNT: Final = {"bsonType": NUMBER, "minimum": 0}
PERCENT_OR_NONE: Final = {"bsonType": [*NUMBER, "null"], "minimum": 0, "maximum": 100}
YES_OR_NO: Final = {"bsonType": "bool"}

DAY: Final = 24 * 60 * 60
LOG_LIFE: Final = 90 * DAY
"""Seconds that a trace of what somebody did is kept (seed 001, activity_logs)."""


@dataclass(frozen=True, slots=True)
class Index:
    """One index: its name, (field, direction) pairs, whether it is unique, seconds after which a document expires."""

    name: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    expire_after: int | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection: its name, `$jsonSchema`, indexes, the field that a viewer's scope is matched with (`door`)."""

    name: str
    schema: Shape
    indexes: tuple[Index, ...]
    door: str


def _one_of(*words: str | None) -> Shape:
    return {"enum": list(words)}


def _list_of(shape: Shape) -> Shape:
    return {"bsonType": "array", "items": shape}


def _document(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """Fields that each document has, and fields that it may have. Others are let through: documents of a newer release
    must pass while the older one still answers."""
    return {"bsonType": "object", "required": [*required], "properties": {**required, **(optional or {})}}


TRANSCRIPTS: Final = Collection(
    name="transcripts",
    schema=_document(
        {
            "meeting_id": UUID_TEXT,
            "classroom_id": UUID_TEXT,
            "segments": _list_of(
                {
                    "bsonType": "object",
                    "required": ["speaker_name", "start_time", "end_time", "text"],
                    "properties": {
                        "speaker_id": {"anyOf": [UUID_TEXT, {"bsonType": "null"}]},
                        "speaker_name": TEXT,
                        "start_time": AMOUNT,
                        "end_time": AMOUNT,
                        "text": TEXT,
                        "confidence": {"bsonType": [*NUMBER, "null"], "minimum": 0, "maximum": 1},
                    },
                }
            ),
            "full_text": TEXT,
            "word_count": WHOLE,
            "duration_seconds": WHOLE,
            "language": TEXT,
            "created_at": DATE,
        }
    ),
    indexes=(
        Index("one_per_meeting", (("meeting_id", 1),), unique=True),
        Index("newest_of_classroom", (("classroom_id", 1), ("created_at", -1))),
    ),
    door="classroom_id",
)

PROCTORING_REPORTS: Final = Collection(
    name="proctoring_reports",
    schema=_document(
        {
            "session_id": UUID_TEXT,
            "user_id": UUID_TEXT,
            "assessment_id": UUID_TEXT,
            "classroom_id": UUID_TEXT,
            "started_at": DATE,
            "violations": _list_of(
                _document(
                    {
                        "type": _one_of(
                            "gaze_deviation",
                            "multiple_faces",
                            "no_face",
                            "tab_switch",
                            "phone",
                            "audio",
                            "other",
                        ),
                        "timestamp": DATE,
                    },
                    {"id": UUID_TEXT, "details": FREE},
                )
            ),
            "frame_snapshots": _list_of(
                _document({"timestamp": DATE, "image_url": TEXT}, {"violations": _list_of(TEXT)})
            ),
        },
        {
            "ended_at": DATE_OR_NONE,
            "integrity_score": PERCENT_OR_NONE,
            "risk_level": _one_of("low", "medium", "high", None),
        },
    ),
    indexes=(
        Index("one_per_session", (("session_id", 1),), unique=True),
        Index("newest_of_assessment", (("assessment_id", 1), ("started_at", -1))),
        Index("newest_of_learner", (("user_id", 1), ("started_at", -1))),
    ),
    door="classroom_id",
)

ACTIVITY_LOGS: Final = Collection(
    name="activity_logs",
    schema=_document(
        {"user_id": UUID_TEXT, "action": TEXT, "timestamp": DATE},
        {
            "resource_type": TEXT_OR_NONE,
            "resource_id": TEXT_OR_NONE,
            "metadata": FREE,
            "ip_address": TEXT_OR_NONE,
            "user_agent": TEXT_OR_NONE,
        },
    ),
    indexes=(
        Index("newest_of_learner", (("user_id", 1), ("timestamp", -1))),
        Index("by_action", (("action", 1),)),
        Index("expiry", (("timestamp", 1),), expire_after=LOG_LIFE),
    ),
    door="user_id",
)

INTERACTION_LOGS: Final = Collection(
    name="interaction_logs",
    schema=_document(
        {"user_id": UUID_TEXT, "page": TEXT, "action": TEXT, "timestamp": DATE},
        {"element": TEXT_OR_NONE, "time_on_page_seconds": {"bsonType": [*NUMBER, "null"], "minimum": 0}},
    ),
    indexes=(
        Index("newest_of_learner", (("user_id", 1), ("timestamp", -1))),
        Index("expiry", (("timestamp", 1),), expire_after=LOG_LIFE),
    ),
    door="user_id",
)

LEARNING_SESSIONS: Final = Collection(
    name="learning_sessions",
    schema=_document(
        {
            "user_id": UUID_TEXT,
            "session_id": TEXT,
            "started_at": DATE,
            "activities": _list_of(_document({"type": TEXT, "timestamp": DATE})),
        },
        {"ended_at": DATE_OR_NONE, "duration_minutes": WHOLE_OR_NONE, "focus_score": PERCENT_OR_NONE},
    ),
    indexes=(
        Index("one_per_session", (("user_id", 1), ("session_id", 1)), unique=True),
        Index("newest_of_learner", (("user_id", 1), ("started_at", -1))),
    ),
    door="user_id",
)

QUIZ_ATTEMPTS: Final = Collection(
    name="quiz_attempts",
    schema=_document(
        {
            "user_id": UUID_TEXT,
            "course_id": UUID_TEXT,
            "started_at": DATE,
            "score": AMOUNT,
            "max_score": AMOUNT,
            "answers": _list_of(
                _document({"question_key": TEXT, "value": TEXT, "is_correct": YES_OR_NO}, {"points": AMOUNT})
            ),
        },
        {"finished_at": DATE_OR_NONE},
    ),
    indexes=(
        Index("newest_of_learner", (("user_id", 1), ("started_at", -1))),
        Index("newest_of_course", (("course_id", 1), ("started_at", -1))),
    ),
    door="user_id",
)

AI_CONVERSATIONS: Final = Collection(
    name="ai_conversations",
    schema=_document(
        {
            "session_id": UUID_TEXT,
            "user_id": UUID_TEXT,
            "messages": _list_of(
                _document(
                    {
                        "id": UUID_TEXT,
                        "role": _one_of("user", "assistant", "system"),
                        "content": TEXT,
                        "timestamp": DATE,
                    },
                    {"citations": _list_of(UUID_TEXT)},
                )
            ),
            "created_at": DATE,
            "updated_at": DATE,
        }
    ),
    indexes=(
        Index("one_per_session", (("session_id", 1),), unique=True),
        Index("newest_of_learner", (("user_id", 1), ("updated_at", -1))),
    ),
    door="user_id",
)

COLLECTIONS: Final = (
    TRANSCRIPTS,
    PROCTORING_REPORTS,
    ACTIVITY_LOGS,
    INTERACTION_LOGS,
    LEARNING_SESSIONS,
    QUIZ_ATTEMPTS,
    AI_CONVERSATIONS,
)
"""Every collection of the seeds: transcripts, reports and activity of 001, the others of 004."""
