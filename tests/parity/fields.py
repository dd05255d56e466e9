"""What does the graph tell, by HTTP, where the doors of fields have their say too? One line a read, and its rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from graph.ids import encode
from tests.parity.asking import Asked
from tests.parity.oracle import Oracle
from tests.parity.read import MONGO, OBJECTS, PG, QDRANT, REDIS, SERIES, Ask, Read, of
from tests.parity.school import Person


def _node(kind: str, selections: str) -> Ask:
    query = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {{ {selections} }} }} }}"

    async def ask(asked: Asked, viewer: Person, records: Sequence[Any]) -> Sequence[Any]:
        ids = [encode(kind, each.id) for each in records]
        found: list[Any] = (await asked.graph(viewer, query, {"ids": ids}))["nodes"]
        return found

    return ask


_ROOTS: Final = """{
    viewer { id }
    classrooms(first: 100) { totalCount nodes { id } }
    users(first: 100) { totalCount nodes { id } }
    auditLog(first: 1) { nodes { action } }
    stores { latencyMs mode }
}"""


async def _roots(asked: Asked, viewer: Person, records: Sequence[Any]) -> Sequence[Any]:
    data = await asked.graph(viewer, _ROOTS)
    if isinstance(data["auditLog"], dict):
        data["auditLog"] = "shown"
    told = {each for store in data["stores"] for each in store.values()}
    data["stores"] = "FORBIDDEN" if told == {"FORBIDDEN"} else "shown" if not told & {"FORBIDDEN", None} else told
    return [data for _ in records]


_PERSON: Final = """
    name email role isActive createdAt lastLoginAt profile { firstName } preferences { theme } subscription { plan }
    sessions { id } classrooms(first: 100) { totalCount nodes { id } }
    enrollments(first: 100) { totalCount nodes { id } }
"""
_CLASSROOM: Final = """
    name joinCode viewerRole teacher { id } members(first: 100) { totalCount nodes { id user { id } } }
    meetings(first: 100) { totalCount nodes { id } } assessments(first: 100) { totalCount nodes { id } }
"""
_SAID: Final = "segments(first: 100) { totalCount nodes { text speaker { id } } }"
_SEARCH: Final = 'search(query: "light", first: 100) { nodes { id } }'

FIELDS: Final = (
    Read("the fields of a person", PG, of("people"), _node("User", _PERSON), Oracle.person),
    Read("the picture of a person", OBJECTS, of("people"), _node("User", "avatarUrl"), Oracle.picture),
    Read(
        "the presence of a person",
        REDIS,
        of("people"),
        _node("User", "presence { status lastSeenAt }"),
        Oracle.presence,
    ),
    Read(
        "the engagement of a person",
        SERIES,
        of("people"),
        _node("User", "engagement { date engagementScore }"),
        Oracle.engagement,
    ),
    Read(
        "the activity of a person",
        MONGO,
        of("people"),
        _node("User", "activity(first: 100) { totalCount nodes { id } }"),
        Oracle.activity,
    ),
    Read("the fields of a classroom", PG, of("classrooms"), _node("Classroom", _CLASSROOM), Oracle.classroom),
    Read("the search of a classroom", QDRANT, of("classrooms"), _node("Classroom", _SEARCH), Oracle.search),
    Read("a membership", PG, of("members"), _node("ClassroomMember", "role user { id }"), Oracle.member),
    Read("a meeting", PG, of("meetings"), _node("Meeting", "title recordings { id }"), Oracle.meeting),
    Read(
        "what was said in a meeting",
        MONGO,
        of("meetings"),
        _node("Meeting", f"transcript {{ {_SAID} }}"),
        Oracle.meetings_transcript,
    ),
    Read("what a transcript says", MONGO, of("transcripts"), _node("Transcript", _SAID), Oracle.transcript),
    Read("what a segment says", MONGO, of("segments"), _node("TranscriptSegment", "text"), Oracle.segment),
    Read("the link to a recording", OBJECTS, of("recordings"), _node("Recording", "downloadUrl"), Oracle.recording),
    Read(
        "the link to a document", OBJECTS, of("documents"), _node("Document", "filename downloadUrl"), Oracle.document
    ),
    Read("what a passage says", QDRANT, of("chunks"), _node("DocumentChunk", "text document { id }"), Oracle.chunk),
    Read(
        "an assessment",
        PG,
        of("assessments"),
        _node("Assessment", "title submissionSummary { count gradedCount }"),
        Oracle.assessment,
    ),
    Read("a course", PG, of("courses"), _node("Course", "title"), Oracle.course),
    Read("an enrollment", PG, of("enrollments"), _node("Enrollment", "course { id }"), Oracle.enrollment),
    Read("a log-in", PG, of("log_ins"), _node("Session", "userAgent"), Oracle.session),
    Read("what somebody did", MONGO, of("traces"), _node("Activity", "action"), Oracle.one_trace),
    Read("an entry of the audit log", PG, of("entries"), _node("AuditEntry", "action"), Oracle.entry),
    Read("the roots", PG, lambda school: school.people[:1], _roots, Oracle.roots),
)
