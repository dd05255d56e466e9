"""Which rows may a store hand out to whom? Plain Python over the rows of a random school; `oracle.py` has the words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from tests.parity.school import (
    Assessment,
    Chunk,
    Classroom,
    Course,
    Document,
    Enrollment,
    Entry,
    LiveSession,
    LogIn,
    Meeting,
    Member,
    Person,
    Recording,
    School,
    Segment,
    Trace,
    Transcript,
)

HIDDEN: Final = "NOT_FOUND"
KEPT_DAYS: Final = 90
SESSION_HOURS: Final = 24


class OfRows:
    """Knows one school by heart."""

    def __init__(self, school: School) -> None:
        self.school = school
        self.people = {each.id: each for each in school.people}
        self.courses = {each.id: each for each in school.courses}
        self.classrooms = {each.id: each for each in school.classrooms}
        self.roles: dict[tuple[UUID, UUID], str] = {
            (each.user_id, each.classroom_id): each.role for each in school.members
        }
        self.joined: dict[UUID, set[UUID]] = defaultdict(set)
        self.taught: dict[UUID, set[UUID]] = defaultdict(set)
        self.known: dict[UUID, set[UUID]] = defaultdict(set)
        """Who belongs to a classroom, whoever answers for it too."""
        for each in school.members:
            self.joined[each.user_id].add(each.classroom_id)
            self.known[each.classroom_id].add(each.user_id)
            if each.role in ("teacher", "assistant"):
                self.taught[each.user_id].add(each.classroom_id)
        for classroom in school.classrooms:
            self.known[classroom.id].add(classroom.teacher_id)

    # Who may

    def is_in(self, viewer: Person, classroom_id: UUID) -> bool:
        return viewer.role == "admin" or classroom_id in self.joined[viewer.id]

    def teaches(self, viewer: Person, classroom_id: UUID) -> bool:
        return viewer.role == "admin" or classroom_id in self.taught[viewer.id]

    def owns(self, viewer: Person, user_id: UUID) -> bool:
        return viewer.role == "admin" or viewer.id == user_id

    def knows(self, viewer: Person, user_id: UUID) -> bool:
        if viewer.role in ("admin", "service") or viewer.id == user_id:
            return True
        return any(user_id in self.known[classroom_id] for classroom_id in self.joined[viewer.id])

    def has_in_class(self, viewer: Person, user_id: UUID) -> bool:
        """Whether this person is a member of a classroom that the viewer teaches."""
        return bool(self.joined[user_id] & self.taught[viewer.id])

    def may_take(self, viewer: Person, course: Course) -> bool:
        if viewer.role == "admin" or course.instructor_id == viewer.id:
            return True
        return course.status == "published" and viewer.role in ("student", "teacher")

    def reads(self, viewer: Person, document: Document) -> bool:
        if document.classroom_id is None:
            return viewer.role in ("admin", "teacher", "student")
        return self.is_in(viewer, document.classroom_id)

    def sees_enrollment(self, viewer: Person, enrollment: Enrollment) -> bool:
        return self.owns(viewer, enrollment.user_id) or self.courses[enrollment.course_id].instructor_id == viewer.id

    def stands(self, log_in: LogIn) -> bool:
        return log_in.revoked_at is None and log_in.expires_at > self.school.now

    def is_kept(self, trace: Trace) -> bool:
        return trace.at >= self.school.now - timedelta(days=KEPT_DAYS)

    # What the stores hand out

    def row_of_person(self, viewer: Person, person: Person) -> Any:
        return (person.email, self.has_in_class(viewer, person.id)) if self.knows(viewer, person.id) else HIDDEN

    def row_of_classroom(self, viewer: Person, classroom: Classroom) -> Any:
        role = self.roles.get((viewer.id, classroom.id))
        return (classroom.join_code, role) if self.is_in(viewer, classroom.id) else HIDDEN

    def row_of_member(self, viewer: Person, member: Member) -> Any:
        return member.role if self.is_in(viewer, member.classroom_id) else HIDDEN

    def title_of_meeting(self, viewer: Person, meeting: Meeting) -> Any:
        return meeting.title if self.is_in(viewer, meeting.classroom_id) else HIDDEN

    def key_of_recording(self, viewer: Person, recording: Recording) -> Any:
        return recording.key if self.is_in(viewer, recording.classroom_id) else HIDDEN

    def title_of_assessment(self, viewer: Person, assessment: Assessment) -> Any:
        return assessment.title if self.is_in(viewer, assessment.classroom_id) else HIDDEN

    def name_of_document(self, viewer: Person, document: Document) -> Any:
        return document.filename if self.reads(viewer, document) else HIDDEN

    def title_of_course(self, viewer: Person, course: Course) -> Any:
        return course.title if self.may_take(viewer, course) else HIDDEN

    def course_of_enrollment(self, viewer: Person, enrollment: Enrollment) -> Any:
        return str(enrollment.course_id) if self.sees_enrollment(viewer, enrollment) else HIDDEN

    def row_of_log_in(self, viewer: Person, log_in: LogIn) -> Any:
        return str(log_in.user_id) if self.stands(log_in) and self.owns(viewer, log_in.user_id) else HIDDEN

    def row_of_entry(self, viewer: Person, entry: Entry) -> Any:
        return entry.action if viewer.role == "admin" else HIDDEN

    def first_name(self, viewer: Person, person: Person) -> Any:
        return self._own(viewer, person, self.school.first_names)

    def theme(self, viewer: Person, person: Person) -> Any:
        return self._own(viewer, person, self.school.themes)

    def plan(self, viewer: Person, person: Person) -> Any:
        return self._own(viewer, person, self.school.plans)

    def _own(self, viewer: Person, person: Person, of: dict[UUID, str]) -> Any:
        return of.get(person.id, HIDDEN) if self.owns(viewer, person.id) else HIDDEN

    def rows_of_members(self, viewer: Person, classroom: Classroom) -> Any:
        here = [each for each in self.school.members if each.classroom_id == classroom.id]
        return ids_of(here if self.is_in(viewer, classroom.id) else [])

    def rows_of_meetings(self, viewer: Person, classroom: Classroom) -> Any:
        here = [each for each in self.school.meetings if each.classroom_id == classroom.id]
        return ids_of(here if self.is_in(viewer, classroom.id) else [])

    def rows_of_assessments(self, viewer: Person, classroom: Classroom) -> Any:
        here = [each for each in self.school.assessments if each.classroom_id == classroom.id]
        return ids_of(here if self.is_in(viewer, classroom.id) else [])

    def rows_of_recordings(self, viewer: Person, meeting: Meeting) -> Any:
        here = [each for each in self.school.recordings if each.meeting_id == meeting.id]
        return ids_of(here if self.is_in(viewer, meeting.classroom_id) else [])

    def rows_of_classrooms(self, viewer: Person, person: Person) -> Any:
        return sorted(str(each) for each in self.joined[person.id] if self.is_in(viewer, each))

    def rows_of_enrollments(self, viewer: Person, person: Person) -> Any:
        of = [each for each in self.school.enrollments if each.user_id == person.id]
        return ids_of(each for each in of if self.sees_enrollment(viewer, each))

    def rows_of_log_ins(self, viewer: Person, person: Person) -> Any:
        of = [each for each in self.school.log_ins if each.user_id == person.id and self.stands(each)]
        return ids_of(of if self.owns(viewer, person.id) else [])

    def rows_of_submissions(self, viewer: Person, assessment: Assessment) -> Any:
        """How many are counted, and how many of them are graded."""
        seen = [
            each.score
            for each in self.school.submissions
            if each.assessment_id == assessment.id
            and (self.teaches(viewer, assessment.classroom_id) or each.user_id == viewer.id)
        ]
        return (len(seen), sum(score is not None for score in seen))

    def said(self, viewer: Person, transcript: Transcript) -> Any:
        return len(transcript.speakers) if self.is_in(viewer, transcript.classroom_id) else HIDDEN

    def said_in(self, viewer: Person, meeting: Meeting) -> Any:
        found = [each for each in self.school.transcripts if each.meeting_id == meeting.id]
        return self.said(viewer, found[0]) if found else HIDDEN

    def text_of_segment(self, viewer: Person, segment: Segment) -> Any:
        return segment.id if self.is_in(viewer, segment.transcript.classroom_id) else HIDDEN

    def text_of_chunk(self, viewer: Person, chunk: Chunk) -> Any:
        return str(chunk.id) if self.reads(viewer, chunk.document) else HIDDEN

    def found_in(self, viewer: Person, classroom: Classroom) -> Any:
        here = [each for each in self.school.chunks if each.document.classroom_id == classroom.id]
        return ids_of(here if self.is_in(viewer, classroom.id) else [])

    def trace(self, viewer: Person, trace: Trace) -> Any:
        return trace.action if self.is_kept(trace) and self.owns(viewer, trace.user_id) else HIDDEN

    def traces_of(self, viewer: Person, person: Person) -> Any:
        """Which, and how many."""
        found = [each.id for each in self.school.traces if each.user_id == person.id and self.is_kept(each)]
        shown = sorted(found) if self.owns(viewer, person.id) else []
        return (shown, len(shown))

    def resumed(self, viewer: Person, session: LiveSession) -> Any:
        lasts = session.begun + timedelta(hours=SESSION_HOURS) > self.school.now
        return viewer.role if lasts and session.owner == session.of == viewer.id else HIDDEN

    def role_in_session(self, viewer: Person, session: LiveSession) -> Any:
        """What somebody who listens is told of a session that is said to be theirs; how old it is, is not asked."""
        return viewer.role if session.of == viewer.id else HIDDEN

    def scope(self, viewer: Person, _: Person) -> Any:
        return (sorted(map(str, self.joined[viewer.id])), sorted(map(str, self.taught[viewer.id])))

    def checked_at_log_in(self, viewer: Person, person: Person) -> Any:
        """Whose password is checked: that of whoever has the address, whoever asks."""
        return str(person.id)


def ids_of(records: Iterable[Any]) -> list[str]:
    """Their ids, in order."""
    return sorted(str(each.id) for each in records)
