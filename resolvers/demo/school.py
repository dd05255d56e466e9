"""What is in the demo school? Everything as rows, documents, events and files, the same for the same first start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from datadir.cassandra.tables import UserEngagement
from datadir.kafka.event import Event
from datadir.postgresql.tables import (
    Assessment,
    AssessmentQuestion,
    Classroom,
    ClassroomMember,
    Course,
    Document,
    Enrollment,
    Meeting,
    Recording,
    Submission,
    User,
)
from loaders.writing import StoredObject
from resolvers.demo import assessments, bench_teacher, courses, documents, lessons, people
from resolvers.demo.engagement import Activity, activity, logs
from resolvers.demo.named import NAMED, Named

__all__ = ["NAMED", "Named", "School"]


class School:
    """The school as it is at `start`: the hour in which the first start falls (UTC), so that lessons begin on the hour.

    Touches no store. `size` multiplies people, meetings without transcript, submissions and engagement, never texts;
    from `bench_teacher.SIZE` on there is a teacher of fifty classrooms more.
    Every part is made once, when it is first asked for; `files` takes most of a second and is best asked for in a
    thread. Raises ValueError for a size below 1 or a time without zone.
    """

    def __init__(self, now: datetime, size: int = 1) -> None:
        if now.tzinfo is None:
            raise ValueError("the demo school needs a time with a zone")
        if size < 1:
            raise ValueError("the demo school's size is 1 or more")
        self.start = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        self.size = size
        self.students = people.students(size)
        self._benched = size >= bench_teacher.SIZE
        self.everybody = [*people.staff(), *self.students, *([bench_teacher.TEACHER] if self._benched else [])]
        self.memberships = people.memberships(self.everybody)
        self.lessons = lessons.lessons(self.start, size)
        self._asked = assessments.asked()
        self._planned = documents.plans()

    def users(self, hashes: Mapping[str, str]) -> list[User]:
        """Accounts, with the password hash of the holders of named accounts by name and of all others under ''."""
        return people.user_rows(self.everybody, hashes, self._activity.last_logins, self.start)

    @cached_property
    def classrooms(self) -> list[Classroom]:
        """The six classrooms, and fifty more at the largest size."""
        more = bench_teacher.classroom_rows(self.start) if self._benched else []
        return [*people.classroom_rows(self.start), *more]

    @cached_property
    def members(self) -> list[ClassroomMember]:
        """Who belongs to which classroom."""
        more = bench_teacher.memberships(self.students) if self._benched else []
        return people.member_rows([*self.memberships, *more], self.start)

    @cached_property
    def meetings(self) -> list[Meeting]:
        """Ten lessons a classroom and unit of size, and those of the fifty at the largest size."""
        more = bench_teacher.meeting_rows(self.start) if self._benched else []
        return [*lessons.meeting_rows(self.lessons), *more]

    @cached_property
    def transcripts(self) -> list[dict[str, Any]]:
        """Eighteen transcripts as documents, `_id` as text."""
        return lessons.transcripts(self.lessons)

    @cached_property
    def recordings(self) -> list[Recording]:
        """One recording for each transcript."""
        return lessons.recording_rows(self.lessons, self._recording_files)

    @cached_property
    def assessments(self) -> list[Assessment]:
        """Four assessments a classroom."""
        return assessments.assessment_rows(self._asked, self.start)

    @cached_property
    def questions(self) -> list[AssessmentQuestion]:
        """Three to five questions an assessment."""
        return assessments.question_rows(self._asked, self.start)

    @cached_property
    def submissions(self) -> list[Submission]:
        """What students handed in, some of it graded."""
        return assessments.submission_rows(self._asked, self.memberships, self.start)

    @cached_property
    def documents(self) -> list[Document]:
        """Two documents a classroom, waiting to be embedded."""
        return documents.document_rows(self._planned, self._document_files, self.start)

    @cached_property
    def files(self) -> list[StoredObject]:
        """The bytes of recordings and documents under their keys."""
        return [*self._recording_files, *self._document_files]

    @property
    def engagement(self) -> list[UserEngagement]:
        """Days of the engagement series: thirty up to the one before the start, those without events left out."""
        return self._activity.days

    @cached_property
    def activity(self) -> list[dict[str, Any]]:
        """The same days as documents of the activity log, `_id` as text."""
        return logs(self.events)

    @cached_property
    def courses(self) -> list[Course]:
        """Four courses."""
        return courses.course_rows(self.start)

    @cached_property
    def enrollments(self) -> list[Enrollment]:
        """Who takes them."""
        return courses.enrollment_rows(self.start)

    @property
    def events(self) -> list[Event]:
        """What the students did in the last two of those days, in order of time."""
        return self._activity.events

    @cached_property
    def _activity(self) -> Activity:
        return activity(self.students, self.start)

    @cached_property
    def _recording_files(self) -> list[StoredObject]:
        return lessons.recording_files(self.lessons)

    @cached_property
    def _document_files(self) -> list[StoredObject]:
        return documents.files(self._planned)
