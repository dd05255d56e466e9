"""What was promised to whom? Worked out in plain Python from the rows of a random school, by the words of the promise.

Nothing here is taken from the program: it knows neither doors nor policies nor loaders. Each rule answers what a viewer
is to be told of one record: what it says, `HIDDEN` where they are not to learn that there is such a record, `FORBIDDEN`
where they know of it and may not see this of it.

- Own classrooms are those where one's member role is teacher or assistant, whatever the account's role.
- Administrators see everything. Programs see of other people id and name, and nothing of a classroom.
- Of other people one sees those with whom one shares a classroom, and who answers for it: name, role, picture and
  presence. Of the members of one's own classrooms also the address and the engagement. Everything else about an account
  is its owner's.
- What belongs to a classroom is its members'; join codes and how an assessment went are of those who teach it.
- Documents of no classroom, the knowledge base, are for everybody who learns or teaches.
- Published courses are for everybody who learns or teaches, others for their instructor; an enrollment is its owner's
  and the instructor's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tests.parity.oracle_of_rows import HIDDEN, SESSION_HOURS, OfRows, ids_of
from tests.parity.school import (
    Assessment,
    Chunk,
    Classroom,
    Course,
    Document,
    Enrollment,
    Entry,
    LogIn,
    Meeting,
    Member,
    Person,
    Recording,
    Segment,
    Trace,
    Transcript,
)

__all__ = ["FORBIDDEN", "HIDDEN", "SESSION_HOURS", "Oracle", "Rule"]

FORBIDDEN: Final = "FORBIDDEN"
SHOWN_DAYS: Final = 14
ONLINE_SECONDS: Final = 120
IDLE_SECONDS: Final = 900


class Oracle(OfRows):
    """Knows one school by heart: its rows, and what the graph says of them."""

    def person(self, viewer: Person, person: Person) -> Any:
        if not self.knows(viewer, person.id):
            return HIDDEN
        own, member = self.owns(viewer, person.id), viewer.role != "service" or viewer.id == person.id
        said = {
            "name": person.name or person.email.partition("@")[0],
            "email": self._taught(viewer, person, person.email),
            "role": person.role.upper() if member else FORBIDDEN,
        }
        private = {
            "isActive": person.is_active,
            "createdAt": _moment(person.created_at),
            "lastLoginAt": _moment(person.last_login),
            "profile": {"firstName": self.school.first_names.get(person.id)},
            "preferences": {"theme": self.school.themes.get(person.id, "light").upper()},
            "subscription": {"plan": self.school.plans.get(person.id, "free").upper()},
            "sessions": _some(self.rows_of_log_ins(viewer, person)),
            "classrooms": _page(self.rows_of_classrooms(viewer, person)),
            "enrollments": _page(self.rows_of_enrollments(viewer, person)),
        }
        return said | {name: value if own else FORBIDDEN for name, value in private.items()}

    def _taught(self, viewer: Person, person: Person, value: Any) -> Any:
        return value if self.owns(viewer, person.id) or self.has_in_class(viewer, person.id) else FORBIDDEN

    def picture(self, viewer: Person, person: Person) -> Any:
        if not self.knows(viewer, person.id):
            return HIDDEN
        shown = viewer.role != "service" or viewer.id == person.id
        return {"avatarUrl": person.picture if shown else FORBIDDEN}

    def presence(self, viewer: Person, person: Person) -> Any:
        if not self.knows(viewer, person.id):
            return HIDDEN
        if viewer.role == "service" and viewer.id != person.id:
            return {"presence": FORBIDDEN}
        # Whoever asks is here; of others the school says when they were.
        at = self.school.now if person.asks else self.school.seen.get(person.id)
        ago = None if at is None else (self.school.now - at).total_seconds()
        status = "OFFLINE" if ago is None or ago > IDLE_SECONDS else "ONLINE" if ago <= ONLINE_SECONDS else "IDLE"
        return {"presence": {"status": status, "lastSeenAt": _moment(at)}}

    def engagement(self, viewer: Person, person: Person) -> Any:
        if not self.knows(viewer, person.id):
            return HIDDEN
        first = (self.school.now - timedelta(days=SHOWN_DAYS - 1)).date()
        days = [each for each in self.school.days if each.user_id == person.id and each.day >= first]
        told = [
            {"date": each.day.isoformat(), "engagementScore": each.score}
            for each in sorted(days, key=lambda each: each.day, reverse=True)
        ]
        return {"engagement": self._taught(viewer, person, told)}

    def activity(self, viewer: Person, person: Person) -> Any:
        if not self.knows(viewer, person.id):
            return HIDDEN
        shown = self.owns(viewer, person.id)
        return {"activity": _page(self.traces_of(viewer, person)[0]) if shown else FORBIDDEN}

    def classroom(self, viewer: Person, classroom: Classroom) -> Any:
        if not self.is_in(viewer, classroom.id):
            return HIDDEN
        members = [each for each in self.school.members if each.classroom_id == classroom.id]
        role = self.roles.get((viewer.id, classroom.id))
        return {
            "name": classroom.name,
            "joinCode": classroom.join_code if self.teaches(viewer, classroom.id) else FORBIDDEN,
            "viewerRole": role.upper() if role else None,
            "teacher": {"id": str(classroom.teacher_id)},
            "members": {
                "totalCount": len(members),
                "nodes": [
                    {"id": str(each.id), "user": {"id": str(each.user_id)}}
                    for each in sorted(members, key=lambda each: str(each.id))
                ],
            },
            "meetings": _page(self.rows_of_meetings(viewer, classroom)),
            "assessments": _page(self.rows_of_assessments(viewer, classroom)),
        }

    def search(self, viewer: Person, classroom: Classroom) -> Any:
        hidden = not self.is_in(viewer, classroom.id)
        return HIDDEN if hidden else {"search": {"nodes": _some(self.found_in(viewer, classroom))}}

    def member(self, viewer: Person, member: Member) -> Any:
        if not self.is_in(viewer, member.classroom_id):
            return HIDDEN
        return {"role": member.role.upper(), "user": {"id": str(member.user_id)}}

    def meeting(self, viewer: Person, meeting: Meeting) -> Any:
        if not self.is_in(viewer, meeting.classroom_id):
            return HIDDEN
        return {"title": meeting.title, "recordings": _some(self.rows_of_recordings(viewer, meeting))}

    def meetings_transcript(self, viewer: Person, meeting: Meeting) -> Any:
        if not self.is_in(viewer, meeting.classroom_id):
            return HIDDEN
        found = [each for each in self.school.transcripts if each.meeting_id == meeting.id]
        return {"transcript": self.transcript(viewer, found[0]) if found else None}

    def transcript(self, viewer: Person, transcript: Transcript) -> Any:
        if not self.is_in(viewer, transcript.classroom_id):
            return HIDDEN
        segments = [
            {"text": f"{transcript.id}:{position}", "speaker": self._speaker(viewer, speaker)}
            for position, speaker in enumerate(transcript.speakers)
        ]
        return {"segments": {"totalCount": len(segments), "nodes": segments}}

    def _speaker(self, viewer: Person, speaker: UUID | None) -> Any:
        if speaker is None:
            return None
        return {"id": str(speaker)} if self.knows(viewer, speaker) else HIDDEN

    def segment(self, viewer: Person, segment: Segment) -> Any:
        text = self.text_of_segment(viewer, segment)
        return HIDDEN if text == HIDDEN else {"text": text}

    def recording(self, viewer: Person, recording: Recording) -> Any:
        key = self.key_of_recording(viewer, recording)
        return HIDDEN if key == HIDDEN else {"downloadUrl": key}

    def document(self, viewer: Person, document: Document) -> Any:
        if not self.reads(viewer, document):
            return HIDDEN
        return {"filename": document.filename, "downloadUrl": document.key}

    def chunk(self, viewer: Person, chunk: Chunk) -> Any:
        if not self.reads(viewer, chunk.document):
            return HIDDEN
        return {"text": str(chunk.id), "document": {"id": str(chunk.document.id)}}

    def assessment(self, viewer: Person, assessment: Assessment) -> Any:
        if not self.is_in(viewer, assessment.classroom_id):
            return HIDDEN
        count, graded = self.rows_of_submissions(viewer, assessment)
        summary = {"count": count, "gradedCount": graded}
        shown = self.teaches(viewer, assessment.classroom_id)
        return {"title": assessment.title, "submissionSummary": summary if shown else FORBIDDEN}

    def course(self, viewer: Person, course: Course) -> Any:
        return {"title": course.title} if self.may_take(viewer, course) else HIDDEN

    def enrollment(self, viewer: Person, enrollment: Enrollment) -> Any:
        if not self.sees_enrollment(viewer, enrollment):
            return HIDDEN
        course = self.courses[enrollment.course_id]
        return {"course": {"id": str(course.id)} if self.may_take(viewer, course) else None}

    def session(self, viewer: Person, log_in: LogIn) -> Any:
        hidden = self.row_of_log_in(viewer, log_in) == HIDDEN
        return HIDDEN if hidden else {"userAgent": None}

    def one_trace(self, viewer: Person, trace: Trace) -> Any:
        action = self.trace(viewer, trace)
        return HIDDEN if action == HIDDEN else {"action": action}

    def entry(self, viewer: Person, entry: Entry) -> Any:
        return {"action": entry.action} if viewer.role == "admin" else HIDDEN

    def roots(self, viewer: Person, _: Person) -> Any:
        admin = viewer.role == "admin"
        mine = [each.id for each in self.school.classrooms if self.is_in(viewer, each.id)]
        return {
            "viewer": {"id": str(viewer.id)},
            "classrooms": _page(sorted(map(str, mine))),
            "users": _page(ids_of(self.school.people)) if admin else FORBIDDEN,
            "auditLog": "shown" if admin else FORBIDDEN,
            "stores": "shown" if admin else FORBIDDEN,
        }


Rule = Callable[[Oracle, Person, Any], Any]


def _some(ids: list[str]) -> list[dict[str, str]]:
    return [{"id": each} for each in ids]


def _page(ids: list[str]) -> dict[str, Any]:
    return {"totalCount": len(ids), "nodes": _some(ids)}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
