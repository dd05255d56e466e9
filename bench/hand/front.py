"""How is the front page answered by hand? One transaction, what other stores have side by side."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request

from bench.hand import statements
from bench.hand.desk import Desk, Viewer
from bench.hand.shapes import identity, key_of, moment, optional_moment, person
from datadir.qdrant import models
from datadir.qdrant.collections import DOCUMENTS
from datadir.redis import keys
from loaders.classrooms import MEMBERS
from resolvers.library import highlight
from resolvers.links import LIFETIME

ONLINE_WITHIN: Final = timedelta(minutes=2)
IDLE_WITHIN: Final = timedelta(minutes=15)
DAYS: Final = 14
SEGMENTS: Final = 3


async def front(desk: Desk, request: Request) -> dict[str, Any]:
    """The classroom's front page, as its teacher sees it."""
    now = datetime.now(UTC)
    key, search = key_of(request.query_params["id"]), request.query_params["search"]
    first = int(request.query_params["members"])
    async with asyncio.TaskGroup() as group:
        async with desk.reading(request) as (viewer, connection):
            [room] = await connection.fetch(statements.CLASSROOM, [key], viewer.id)
            searching = group.create_task(_search(desk, viewer, key, search))
            [teacher] = await connection.fetch(statements.USERS, [room["teacher_id"]])
            members = await connection.fetch(statements.MEMBERS, [key], first + 1)
            more, members = len(members) > first, members[:first]
            user_ids = [row["user_id"] for row in members]
            meetings = (await connection.fetch(statements.MEETINGS, [key], 6))[:5]
            reading = group.create_task(_transcripts(desk, viewer, meetings))
            looking = group.create_task(_seen(desk, [teacher["id"]], now))
            looking_on = group.create_task(_seen(desk, user_ids, now))
            following = group.create_task(_engagement(desk, user_ids, now))
            assessments = (await connection.fetch(statements.ASSESSMENTS, [key], 6))[:5]
            [count] = await connection.fetch(statements.MEMBER_COUNT, [key])
            users = await connection.fetch(statements.USERS, user_ids)
            recordings = await connection.fetch(statements.RECORDINGS, [row["id"] for row in meetings])
            summaries = await connection.fetch(statements.SUMMARIES, [row["id"] for row in assessments])
        # No transaction is held while another store is awaited.
        hits, transcripts = await searching, await reading
        async with desk.reading_on(viewer) as connection:
            sources = list({UUID(hit.payload["document_id"]) for hit in hits})
            documents = await connection.fetch(statements.DOCUMENTS, sources)
            voices = {each["speaker_id"] for transcript in transcripts for each in transcript["segments"]}
            heard = [UUID(each) for each in voices if each]
            speakers = {str(row["id"]): person(row) for row in await connection.fetch(statements.USERS, heard)}

    presence, days = looking_on.result(), following.result()
    user_by_id = {
        row["id"]: person(row) | {"presence": presence[row["id"]], "engagement": days[row["id"]]} for row in users
    }
    transcript_by_meeting = {each["meeting_id"]: _transcript(each, speakers) for each in transcripts}
    recordings_of: dict[UUID, list[Any]] = defaultdict(list)
    for row in recordings:
        recordings_of[row["meeting_id"]].append(await _recording(desk, row))
    summary_by_id = {row["assessment_id"]: row for row in summaries}
    document_by_id = {str(row["id"]): row for row in documents}
    last = members[-1]
    return {
        "classroom": {
            "id": identity("Classroom", room["id"]),
            "name": room["name"],
            "subject": room["subject"],
            "description": room["description"],
            "joinCode": room["join_code"] if key in viewer.scope.taught_ids else None,
            "teacher": {
                "id": identity("User", teacher["id"]),
                "name": teacher["name"],
                "email": teacher["email"] if teacher["taught"] or teacher["id"] == viewer.id else None,
                "avatarUrl": teacher["avatar_url"],
                "presence": looking.result()[teacher["id"]],
            },
            "members": {
                "totalCount": count["total"],
                "pageInfo": {
                    "hasNextPage": more,
                    "endCursor": desk.cursors.encode(
                        MEMBERS.tag(statements.FIRST_20), [key, last["joined_at"], last["id"]]
                    ),
                },
                "nodes": [
                    {
                        "id": identity("ClassroomMember", row["id"]),
                        "role": row["role"].upper(),
                        "joinedAt": moment(row["joined_at"]),
                        "user": user_by_id[row["user_id"]],
                    }
                    for row in members
                ],
            },
            "meetings": {
                "nodes": [
                    {
                        "id": identity("Meeting", row["id"]),
                        "title": row["title"],
                        "scheduledAt": moment(row["scheduled_at"]),
                        "status": row["status"].upper(),
                        "recordings": recordings_of[row["id"]],
                        "transcript": transcript_by_meeting.get(str(row["id"])),
                    }
                    for row in meetings
                ]
            },
            "assessments": {"nodes": [_assessment(row, summary_by_id[row["id"]]) for row in assessments]},
            "search": {"edges": [_match(hit, search, document_by_id) for hit in hits]},
        }
    }


async def _search(desk: Desk, viewer: Viewer, key: UUID, text: str) -> list[Any]:
    vector = await desk.embedder.embed_query(text)
    allowed = [str(each) for each in viewer.scope.classroom_ids]
    must: list[Any] = [
        models.FieldCondition(key="classroom_id", match=models.MatchValue(value=str(key))),
        models.FieldCondition(key="classroom_id", match=models.MatchAny(any=allowed)),
    ]
    wanted = models.QueryRequest(query=vector, filter=models.Filter(must=must), limit=6, offset=0, with_payload=True)
    [hits] = await desk.vectors.query_batch(DOCUMENTS.name, [wanted])
    return hits[:5]


async def _transcripts(desk: Desk, viewer: Viewer, meetings: list[Any]) -> list[dict[str, Any]]:
    match = {
        "meeting_id": {"$in": [str(row["id"]) for row in meetings]},
        "classroom_id": {"$in": [str(each) for each in viewer.scope.classroom_ids]},
    }
    shown = dict.fromkeys(("meeting_id", "classroom_id", "language", "word_count"), 1)
    shown |= dict.fromkeys(("duration_seconds", "created_at"), 1)
    sliced = {"segment_count": {"$size": "$segments"}, "segments": {"$slice": ["$segments", 0, SEGMENTS]}}
    found: list[dict[str, Any]] = await desk.transcripts.aggregate(
        [{"$match": match}, {"$project": {**shown, **sliced}}]
    ).to_list(None)
    return found


async def _seen(desk: Desk, user_ids: list[UUID], now: datetime) -> dict[UUID, dict[str, Any]]:
    values: Any = await desk.redis.mget([keys.presence(each) for each in user_ids])
    return {each: _presence(value, now) for each, value in zip(user_ids, values, strict=True)}


async def _engagement(desk: Desk, user_ids: list[UUID], now: datetime) -> dict[UUID, list[Any]]:
    async with desk.pool.acquire() as connection:
        rows = await connection.fetch(statements.ENGAGEMENT, user_ids, None, now.date() - timedelta(days=DAYS - 1))
    days: dict[UUID, list[Any]] = {each: [] for each in user_ids}
    for row in rows:
        days[row["user_id"]].append(
            {
                "date": row["date"].isoformat(),
                "engagementScore": row["engagement_score"],
                "totalTimeMinutes": row["total_time_minutes"],
                "sessionCount": row["session_count"],
            }
        )
    return days


def _presence(value: str | None, now: datetime) -> dict[str, Any]:
    if value is None:
        return {"status": "OFFLINE", "lastSeenAt": None}
    at = datetime.fromtimestamp(float(value), UTC)
    status = "ONLINE" if now - at <= ONLINE_WITHIN else "IDLE" if now - at <= IDLE_WITHIN else "OFFLINE"
    return {"status": status, "lastSeenAt": moment(at)}


async def _recording(desk: Desk, row: Any) -> dict[str, Any]:
    return {
        "id": identity("Recording", row["id"]),
        "durationSeconds": row["duration_seconds"],
        "fileSizeBytes": None if row["file_size_bytes"] is None else str(row["file_size_bytes"]),
        "downloadUrl": await desk.objects.link(row["key"], expires=LIFETIME),
    }


def _transcript(document: dict[str, Any], speakers: dict[str, Any]) -> dict[str, Any]:
    key = document["_id"]
    return {
        "id": identity("Transcript", key),
        "language": document["language"],
        "wordCount": document["word_count"],
        "segments": {
            "nodes": [
                {
                    "id": identity("TranscriptSegment", f"{key}:{position}"),
                    "speaker": speakers[each["speaker_id"]] if each["speaker_id"] else None,
                    "speakerName": each["speaker_name"],
                    "startTime": each["start_time"],
                    "endTime": each["end_time"],
                    "text": each["text"],
                    "confidence": each["confidence"],
                }
                for position, each in enumerate(document["segments"])
            ]
        },
    }


def _assessment(row: Any, summary: Any) -> dict[str, Any]:
    return {
        "id": identity("Assessment", row["id"]),
        "title": row["title"],
        "type": row["type"].upper(),
        "dueAt": optional_moment(row["due_at"]),
        "totalPoints": row["total_points"],
        "submissionSummary": {
            "count": summary["count"],
            "gradedCount": summary["graded_count"],
            "averageScore": summary["average_score"],
        },
    }


def _match(hit: Any, search: str, documents: dict[str, Any]) -> dict[str, Any]:
    payload = hit.payload
    document = documents[payload["document_id"]]
    return {
        "score": hit.score,
        "highlight": highlight(search, payload["text"]),
        "node": {
            "id": identity("DocumentChunk", hit.id),
            "text": payload["text"],
            "pageNumber": payload["page_number"],
            "chunkIndex": payload["chunk_index"],
            "document": {"id": identity("Document", document["id"]), "filename": document["filename"]},
        },
    }
