"""Whose is what the stores hold? Of every table, collection, key, payload, series, topic and prefix: where it says so.

Exporting a person's data and erasing them go by this list, in all stores; a test finds whatever is missing here, and
whatever is named here and does not exist. "Learner" is anybody with an account.

What is named is a column (PostgreSQL, Cassandra), a path into a document (MongoDB), a field of a payload (Qdrant), what
a pattern has in brackets (Redis, object storage), and of events `key` or a field of their payload (Kafka).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from datadir.names import StoreName


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that a store holds, and where it says whose it is.

    `learner`: fields that name whom a row is about; it goes with that person, as do the elements of an array in which
    the field stands. `others`: fields that name who only had a hand in it; the row stays, the name goes. `through`: the
    row belongs to a row of PostgreSQL, (the field that names it, its table), and to whom that belongs. None of the
    three: nobody's, and `why`."""

    store: StoreName
    name: str
    learner: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    through: tuple[str, str] | None = None
    why: str = ""


def _all(store: StoreName, learner: str, names: str) -> Iterable[Held]:
    """Several things of one store that say it in the same field."""
    return (Held(store, name, (learner,)) for name in names.split())


_PG, _MONGO, _REDIS = StoreName.POSTGRESQL, StoreName.MONGODB, StoreName.REDIS
_QDRANT, _SERIES, _TOPIC, _OBJECT = StoreName.QDRANT, StoreName.CASSANDRA, StoreName.KAFKA, StoreName.MINIO

_TABLES: Final = (
    Held(_PG, "users", ("id",)),
    *_all(_PG, "user_id", "profiles user_preferences subscriptions user_sessions learner_keys classroom_members"),
    *_all(_PG, "user_id", "enrollments user_progress progress scores study_items notes simulations"),
    *_all(_PG, "user_id", "tutor_sessions session_intelligence idempotency_keys"),
    Held(_PG, "submissions", ("user_id",), others=("graded_by",)),
    Held(_PG, "soft_skill_evaluations", ("user_id",), others=("evaluated_by",)),
    Held(_PG, "jobs", ("owner",)),
    Held(_PG, "tutor_messages", through=("session_id", "tutor_sessions")),
    Held(_PG, "simulation_logs", through=("simulation_id", "simulations")),
    Held(_PG, "outbox", ("key", "payload"), why="which of the two says the type of the event (kafka/event_types.py)"),
    Held(_PG, "classrooms", others=("teacher_id",)),
    Held(_PG, "meetings", others=("created_by",)),
    Held(_PG, "assessments", others=("created_by",)),
    Held(_PG, "courses", others=("instructor_id",)),
    Held(_PG, "documents", others=("uploaded_by",)),
    Held(_PG, "recordings", why="everybody's who was there: they go with the meeting"),
    Held(_PG, "assessment_questions", why="part of an assessment"),
    Held(_PG, "lessons", why="part of a course"),
    Held(_PG, "course_analytics", why="counts over all learners of a course"),
    Held(_PG, "topics", why="what can be learned"),
    Held(_PG, "npcs", why="personas are made up"),
    Held(_PG, "scenarios", why="situations are made up"),
    Held(_PG, "audit_log", why="ids alone, which name nobody once a person is erased: what was done has to stay known"),
    Held(_PG, "alembic_version", why="the schema's revision"),
    Held(_PG, "embedded.log_end", why="offsets of the embedded event log; its events are rows of the outbox"),
    Held(_PG, "embedded.consumer", why="who reads the embedded event log: programs"),
    Held(_PG, "embedded.consumer_member", why="who reads the embedded event log: programs"),
)

_COLLECTIONS: Final = (
    Held(_MONGO, "transcripts", ("segments.speaker_id",)),
    *_all(_MONGO, "user_id", "proctoring_reports activity_logs interaction_logs learning_sessions quiz_attempts"),
    Held(_MONGO, "ai_conversations", ("user_id",)),
)

_KEYS: Final = (
    *_all(_REDIS, "<user_id>", "session:{<user_id>}.<random> presence:{<user_id>} ratelimit:{<user_id>}:<endpoint>"),
    *_all(_REDIS, "<user_id>", "session:{<user_id>}.<simulation_id>:context chat:{<user_id>}.<session_id>:history"),
    *_all(_REDIS, "<user_id>", "proctor:session:{<user_id>}.<session_id>"),
    Held(_REDIS, "ratelimit:<digest>:{<endpoint>}", why="hashes of what was tried to come in by, for a minute"),
    Held(_REDIS, "live:<kind>:{<id>}", ("<id>", "user_id"), why="the id is a person's where the kind is notifications"),
    Held(_REDIS, "queue:background_tasks", through=("id", "jobs")),
    Held(_REDIS, "cache:{<cache>}:<digest>", why="never a value that depends on who asks"),
    Held(_REDIS, "documents:{registered}:texts", why="GraphQL documents without variables: what clients may ask"),
    Held(_REDIS, "documents:{registered}:used", why="hashes of those"),
)

_PAYLOADS: Final = (
    Held(_QDRANT, "episodic_memory", ("user_id",)),
    Held(_QDRANT, "transcripts", ("speaker_ids",)),
    Held(_QDRANT, "documents", why="a classroom's; who uploaded a document says its row"),
    Held(_QDRANT, "knowledge_base", why="the school's; who uploaded a document says its row"),
    Held(_QDRANT, "web_content", why="the web's"),
)

_SERIES_TABLES: Final = (
    *_all(_SERIES, "user_id", "user_engagement learning_progress events"),
    Held(_SERIES, "page_view_stats", why="counts over everybody"),
)

_TOPICS: Final = (
    *_all(_TOPIC, "key", "accounts.events learning.events"),
    *_all(_TOPIC, "user_id", "classrooms.events meetings.events assessments.events courses.events tutor.requests"),
    Held(_TOPIC, "library.events", others=("user_id",)),
)

_PREFIXES: Final = (
    *_all(_OBJECT, "{user}", "avatars proctoring softskills results"),
    Held(_OBJECT, "recordings", why="everybody's who was there: they go with the meeting"),
    Held(_OBJECT, "documents", why="a classroom's; who uploaded a document says its row"),
    Held(_OBJECT, "knowledge", why="the school's; who uploaded a document says its row"),
    Held(_OBJECT, "audit", why="places in the audit log, and nobody's id"),
)

HELD: Final = (*_TABLES, *_COLLECTIONS, *_KEYS, *_PAYLOADS, *_SERIES_TABLES, *_TOPICS, *_PREFIXES)
"""Everything that the stores hold."""
_BY_NAME: Final = {(held.store, held.name): held for held in HELD}


def held_in(store: StoreName, name: str) -> Held:
    """What is known of one thing. KeyError for one that is not in the list."""
    return _BY_NAME[store, name]
