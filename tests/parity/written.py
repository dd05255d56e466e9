"""How does a random school get into the stores? Straight, past everything that the program would ask or refuse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import asyncpg

from datadir.cassandra.tables import USER_ENGAGEMENT
from datadir.mongodb.client import object_id
from datadir.mongodb.collections import ACTIVITY_LOGS, TRANSCRIPTS
from datadir.qdrant import models
from datadir.qdrant.collections import DOCUMENTS
from datadir.redis import keys
from datadir.scope import SYSTEM
from datadir.stores import Stores
from tests.parity.school import Chunk, LiveSession, School, Transcript

_FLOATS: Final = 384


async def empty(stores: Stores, owner_dsn: str) -> None:
    """Forget all rows and documents."""
    owner = await asyncpg.connect(owner_dsn)
    try:
        tables = await owner.fetch(
            "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables "
            "where schemaname in ('public', 'embedded') and tablename <> 'alembic_version'"
        )
        await owner.execute(f"truncate {', '.join(each for (each,) in tables)}")
    finally:
        await owner.close()
    for collection in (TRANSCRIPTS, ACTIVITY_LOGS):
        await stores.documents.delete_many(collection.name, {})


async def write(school: School, stores: Stores) -> None:
    """All of it, into stores that hold nothing yet."""
    async with stores.postgresql.transaction(SYSTEM) as tx:
        for sql, rows in _rows(school):
            await tx.executemany(sql, rows)
    await stores.documents.insert_many(TRANSCRIPTS.name, [_transcript(each, school) for each in school.transcripts])
    await stores.documents.insert_many(
        ACTIVITY_LOGS.name,
        [
            {"_id": object_id(each.id), "user_id": str(each.user_id), "action": each.action, "timestamp": each.at}
            for each in school.traces
        ],
    )
    await stores.vectors.upsert(DOCUMENTS.name, [_point(each, school) for each in school.chunks])
    await stores.series.write(
        USER_ENGAGEMENT, [(each.user_id, each.day, 10, 3, 1, 25, each.score) for each in school.days]
    )
    for document in school.documents:
        await stores.objects.put(document.key, document.key.encode(), "application/pdf")
    await write_sessions(school, stores)


async def write_sessions(school: School, stores: Stores) -> None:
    """Who is logged in, and who was seen when."""
    for user_id, at in school.seen.items():
        await stores.redis.set(keys.presence(user_id), str(at.timestamp()), ttl=keys.PRESENCE_TTL)
    for person in school.viewers:
        # As their first question would say it: it must not matter which comes first.
        await stores.redis.set(keys.presence(person.id), str(school.now.timestamp()), ttl=keys.PRESENCE_TTL)
    roles = {each.id: each.role for each in school.people}
    for session in school.sessions:
        fields = {
            "user_id": str(session.of),
            "role": roles[session.of],
            "created_at": str(session.begun.timestamp()),
            "last_activity": str(session.begun.timestamp()),
        }
        await stores.redis.write_hash(keys.session(session_id(session)), fields, ttl=keys.SESSION_TTL)


def session_id(session: LiveSession) -> str:
    """The id under which Redis holds it."""
    return keys.session_id(session.owner, session.record_id)


def _rows(school: School) -> list[tuple[str, Sequence[Sequence[Any]]]]:
    now = school.now
    return [
        (
            "insert into users (id, email, password_hash, name, role, avatar_url, is_active, created_at, last_login) "
            "values ($1, $2, 'x', $3, $4, $5, $6, $7, $8)",
            [
                (p.id, p.email, p.name, p.role, p.picture, p.is_active, p.created_at, p.last_login)
                for p in school.people
            ],
        ),
        ("insert into classrooms (id, name, teacher_id, join_code) values ($1, $2, $3, $4)", school.classrooms),
        (
            "insert into classroom_members (id, classroom_id, user_id, role, joined_at) values ($1, $2, $3, $4, $5)",
            school.members,
        ),
        (
            "insert into meetings (id, classroom_id, title, scheduled_at) values ($1, $2, $3, $4)",
            [(*each, now) for each in school.meetings],
        ),
        (
            "insert into recordings (id, meeting_id, file_url) values ($1, $2, $3)",
            [(each.id, each.meeting_id, each.key) for each in school.recordings],
        ),
        (
            "insert into assessments (id, classroom_id, title, type, total_points) values ($1, $2, $3, 'exam', 100)",
            school.assessments,
        ),
        (
            "insert into submissions (id, assessment_id, user_id, answers, score, graded_at) "
            "values ($1, $2, $3, '{}', $4, $5)",
            [(*each, None if each.score is None else now) for each in school.submissions],
        ),
        (
            "insert into documents (id, classroom_id, filename, object_key, content_type, size_bytes, status) "
            "values ($1, $2, $3, $4, 'application/pdf', 1, 'ready')",
            school.documents,
        ),
        (
            "insert into courses (id, title, status, instructor_id, difficulty) values ($1, $2, $3, $4, 'beginner')",
            school.courses,
        ),
        (
            "insert into enrollments (id, course_id, user_id, enrolled_at) values ($1, $2, $3, $4)",
            school.enrollments,
        ),
        (
            "insert into user_sessions (id, user_id, refresh_token_hash, expires_at, revoked_at) "
            "values ($1, $2, md5($1::uuid::text), $3, $4)",
            school.log_ins,
        ),
        ("insert into profiles (user_id, first_name) values ($1, $2)", list(school.first_names.items())),
        ("insert into user_preferences (user_id, theme) values ($1, $2)", list(school.themes.items())),
        ("insert into subscriptions (user_id, plan) values ($1, $2)", list(school.plans.items())),
        ("insert into audit_log (id, actor_id, action) values ($1, $2, $3)", school.entries),
    ]


def _transcript(transcript: Transcript, school: School) -> dict[str, Any]:
    return {
        "_id": object_id(transcript.id),
        "meeting_id": str(transcript.meeting_id),
        "classroom_id": str(transcript.classroom_id),
        "segments": [
            {
                "speaker_id": None if speaker is None else str(speaker),
                "speaker_name": "somebody",
                "start_time": 1.0 * position,
                "end_time": 1.0 * position + 1,
                "text": f"{transcript.id}:{position}",
            }
            for position, speaker in enumerate(transcript.speakers)
        ],
        "full_text": "",
        "word_count": len(transcript.speakers),
        "duration_seconds": len(transcript.speakers),
        "language": "en",
        "created_at": school.now - timedelta(days=1),
    }


def _point(chunk: Chunk, school: School) -> models.PointStruct:
    return models.PointStruct(
        id=str(chunk.id),
        vector=a_vector(chunk.id.int),
        payload={
            "text": str(chunk.id),
            "classroom_id": str(chunk.document.classroom_id),
            "document_id": str(chunk.document.id),
            "document_type": "material",
            "filename": chunk.document.filename,
            "page_number": 1,
            "chunk_index": chunk.position,
            "created_at": school.now.isoformat(),
        },
    )


def a_vector(number: int) -> list[float]:
    """Some direction; another number, nearly always another one."""
    vector = [0.1] * _FLOATS
    for turn in range(8):
        vector[(number >> (9 * turn)) % _FLOATS] += 1.0
    return vector
