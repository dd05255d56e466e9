"""Which records has the memory school? The tables behind the corpus, as lists.

Rows of PostgreSQL are asyncpg's and cannot be made by hand: `held` makes a tuple with the same columns for each record
class.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from datadir.postgresql.record import Row
from loaders.accounts import PreferencesRecord, ProfileRecord, SubscriptionRecord, UserRecord
from loaders.activity import ActivityRecord
from loaders.assessments import AssessmentRecord
from loaders.classrooms import ClassroomRecord, MemberRecord, OwnClassroomRecord
from loaders.courses import CourseRecord, EnrollmentRecord
from loaders.library import ChunkRecord, DocumentRecord
from loaders.meetings import MeetingRecord, RecordingRecord, SegmentRecord
from loaders.sessions import UserSessionRecord
from resolvers.operation import Viewer

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
_ROWS: dict[type[Any], type[Any]] = {}


class Held(tuple[Any, ...]):
    """A row as the memory school holds it: read by column name and by position, like asyncpg's."""

    __slots__ = ()
    columns: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self[0]!r}>"


def held(record: type[Row]) -> type[Any]:
    """The tuple that stands for a record class; subclasses stay subclasses."""
    if record not in _ROWS:
        base = record.__mro__[1]
        above: Any = Held if base is Row else held(base)
        attributes: dict[str, Any] = {"__slots__": (), "columns": record.columns}
        attributes |= {name: property(itemgetter(at)) for at, name in enumerate(record.columns)}
        _ROWS[record] = type(record.__name__, (above,), attributes)
    return _ROWS[record]


def made(record: type[Row], *values: Any) -> Any:
    assert len(values) == len(record.columns)
    return held(record)(values)


def uuid(kind: int, number: int) -> UUID:
    """The key of one record; kinds keep the tables apart."""
    return UUID(int=(kind << 96) | (4 << 76) | (8 << 60) | number)


def _at(days: int) -> datetime:
    return NOW + timedelta(days=days)


class School:
    """Its tables. What points nowhere does so on purpose: those edges answer NotFound or null."""

    def __init__(self) -> None:
        roles = ("teacher", "student", "student", "admin", "student", "service")
        self.users = [
            made(
                UserRecord,
                uuid(1, number),
                f"{role}{number}@corpus.school",
                f"Person {number}",
                role,
                None if number % 2 else f"https://corpus.school/{number}.png",
                number != 4,
                _at(-90 - number),
                None if number == 2 else _at(-number),
                number in (1, 2),
            )
            for number, role in enumerate(roles)
        ]
        self.classrooms = [self._classroom(ClassroomRecord, number) for number in range(3)]
        self.members = [
            made(MemberRecord, uuid(3, 10 * room + seat), uuid(2, room), uuid(1, user), role, _at(-30 - seat))
            for room, users in enumerate(((0, 1, 2, 4), (0, 2, 9), ()))
            for seat, (user, role) in enumerate(
                zip(users, ("teacher", "student", "assistant", "student"), strict=False)
            )
        ]
        states = ("ended", "live", "scheduled")
        self.meetings = [
            made(
                MeetingRecord,
                uuid(4, 10 * room + number),
                uuid(2, room),
                None if number == 1 else f"Lesson {number}",
                None,
                _at(number),
                45,
                states[number],
                "https://corpus.school/meet" if number else None,
                _at(-1),
            )
            for room in range(2)
            for number in range(3 - room)
        ]
        self.recordings = [
            made(RecordingRecord, uuid(5, number), self.meetings[at].id, f"r/{number}", 60, 2**33, None, _at(-number))
            for number, at in enumerate((0, 0, 3))
        ]
        self.transcripts = {meeting.id: f"{at:024x}" for at, meeting in enumerate(self.meetings) if at != 2}
        self.assessments = [
            made(
                AssessmentRecord,
                uuid(6, number),
                uuid(2, number % 2),
                f"Test {number}",
                None,
                ("quiz", "exam", "assignment")[number % 3],
                10,
                _at(9) if number else None,
                None,
                False,
                _at(-number),
            )
            for number in range(4)
        ]
        self.documents = [
            made(
                DocumentRecord,
                uuid(7, number),
                uuid(2, 0),
                uuid(1, 0),
                f"file{number}.pdf",
                "material",
                "ready",
                f"d/{number}",
                None if number else 3,
                4,
                _at(-9),
            )
            for number in range(2)
        ]
        self.chunks = [
            ChunkRecord(str(uuid(8, number)), uuid(7, number), uuid(2, 0), "file.pdf", 1, number, f"Plants {number}.")
            for number in range(3)
        ]

        self.profiles = [made(ProfileRecord, uuid(1, number), f"First {number}", None) for number in (0, 1)]
        self.preferences = [made(PreferencesRecord, uuid(1, 1), "dark", "de", False, True, 5)]
        self.subscriptions = [made(SubscriptionRecord, uuid(1, 0), "plus", "past_due", _at(-30), _at(30))]
        self.sessions = [
            made(UserSessionRecord, uuid(9, number), uuid(1, number % 3), None, _at(-1), _at(0), _at(1))
            for number in range(5)
        ]
        self.courses = [
            made(CourseRecord, uuid(10, number), f"Course {number}", None, "beginner", "draft", uuid(1, 0), _at(-5))
            for number in range(2)
        ]
        # The third course is nowhere to be seen.
        self.enrollments = [
            made(EnrollmentRecord, uuid(11, number), uuid(10, number % 3), uuid(1, number % 2), "active", 12.5, _at(-2))
            for number in range(6)
        ]
        self.activity = [
            ActivityRecord(f"{number:024x}", uuid(1, number % 2), "log_in", None, None, _at(-number))
            for number in range(5)
        ]

    def _classroom(self, record: type[Row], number: int, *more: Any) -> Any:
        return made(
            record,
            uuid(2, number),
            f"Room {number}",
            None,
            "Biology" if number else None,
            uuid(1, 0 if number < 2 else 9),
            f"JOIN{number}",
            True,
            _at(-60),
            ("teacher", "student", None)[number],
            *more,
        )

    def classrooms_of(self, user: Any) -> list[Any]:
        """The classrooms that a person is a member of."""
        rooms = [each.classroom_id for each in self.members if each.user_id == user]
        return [self._classroom(OwnClassroomRecord, at, user) for at in range(3) if uuid(2, at) in rooms]

    def segments(self, transcript: str) -> list[SegmentRecord]:
        """What was said in one meeting."""
        return [
            SegmentRecord(
                transcript, at, uuid(1, at) if at in (0, 2) else None, f"Voice {at}", at, at + 0.5, "Hm.", 0.9
            )
            for at in range(4)
        ]


SCHOOL = School()
VIEWERS: dict[str, Viewer | None] = {
    "teacher": Viewer(uuid(1, 0), "teacher", "s0"),
    "student": Viewer(uuid(1, 1), "student", "s1"),
    "admin": Viewer(uuid(1, 3), "admin", "s3"),
    "nobody": None,
}
