"""Which school is it, this time? A small one at random: the same people, classrooms and records for the same seed.

It holds what a person who teaches would call odd: teachers who sit in a classroom as students, students who assist in
one, a teacher of record who is no member, people without any classroom, people who have left, courses that nobody may
see any more. Nothing here knows who may see what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

STUDENTS: Final = 15
TEACHERS: Final = 7
CLASSROOMS: Final = 7
COURSES: Final = 9
KNOWN: Final = 4
"""Documents of the knowledge base."""
QUIET: Final = 7
"""Students and teachers who ask nothing: for them it is not said that they are here now."""


class Person(NamedTuple):
    """An account. `asks`: they are one of the viewers."""

    id: UUID
    said: str
    email: str
    name: str | None
    role: str
    picture: str | None
    is_active: bool
    created_at: datetime
    last_login: datetime | None
    asks: bool


class Classroom(NamedTuple):
    id: UUID
    name: str
    teacher_id: UUID
    join_code: str


class Member(NamedTuple):
    id: UUID
    classroom_id: UUID
    user_id: UUID
    role: str
    joined_at: datetime


class Meeting(NamedTuple):
    id: UUID
    classroom_id: UUID
    title: str


class Recording(NamedTuple):
    id: UUID
    meeting_id: UUID
    classroom_id: UUID
    key: str


class Transcript(NamedTuple):
    """`id` is 24 hexadecimal digits; `speakers` has one for each segment, None for a guest."""

    id: str
    meeting_id: UUID
    classroom_id: UUID
    speakers: tuple[UUID | None, ...]


class Segment(NamedTuple):
    """A stretch of speech: which of its transcript."""

    transcript: Transcript
    position: int

    @property
    def id(self) -> str:
        return f"{self.transcript.id}:{self.position}"


class Assessment(NamedTuple):
    id: UUID
    classroom_id: UUID
    title: str


class Submission(NamedTuple):
    id: UUID
    assessment_id: UUID
    user_id: UUID
    score: int | None


class Document(NamedTuple):
    """Of a classroom, or of the knowledge base."""

    id: UUID
    classroom_id: UUID | None
    filename: str
    key: str


class Chunk(NamedTuple):
    id: UUID
    document: Document
    position: int


class Course(NamedTuple):
    id: UUID
    title: str
    status: str
    instructor_id: UUID


class Enrollment(NamedTuple):
    id: UUID
    course_id: UUID
    user_id: UUID
    enrolled_at: datetime


class Trace(NamedTuple):
    """Something that somebody did; `id` is 24 hexadecimal digits."""

    id: str
    user_id: UUID
    action: str
    at: datetime


class Day(NamedTuple):
    user_id: UUID
    day: date
    score: float


class LogIn(NamedTuple):
    """A place where somebody is, or was, logged in."""

    id: UUID
    user_id: UUID
    expires_at: datetime
    revoked_at: datetime | None


class LiveSession(NamedTuple):
    """What Redis holds under the key of `owner`; it says that it is the session of `of`."""

    record_id: UUID
    owner: UUID
    of: UUID
    begun: datetime


class Entry(NamedTuple):
    """A row of the audit log."""

    id: UUID
    actor_id: UUID
    action: str


@dataclass
class School:
    """Everything that is written into the stores."""

    seed: int
    now: datetime
    people: list[Person] = field(default_factory=list)
    classrooms: list[Classroom] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    transcripts: list[Transcript] = field(default_factory=list)
    assessments: list[Assessment] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)
    enrollments: list[Enrollment] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    log_ins: list[LogIn] = field(default_factory=list)
    sessions: list[LiveSession] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    first_names: dict[UUID, str] = field(default_factory=dict)
    themes: dict[UUID, str] = field(default_factory=dict)
    plans: dict[UUID, str] = field(default_factory=dict)
    seen: dict[UUID, datetime] = field(default_factory=dict)
    """When Redis last saw those who do not ask."""

    @property
    def viewers(self) -> list[Person]:
        return [each for each in self.people if each.asks]

    @property
    def segments(self) -> list[Segment]:
        return [Segment(each, position) for each in self.transcripts for position in range(len(each.speakers))]


def a_school(seed: int, now: datetime) -> School:
    """The school of this seed, as it is at `now` (whole seconds)."""
    return _Making(seed, now).made()


class _Making:
    def __init__(self, seed: int, now: datetime) -> None:
        self._random = Random(seed)
        self._school = School(seed, now)

    def made(self) -> School:
        self._people()
        self._classrooms()
        for classroom in self._school.classrooms:
            self._in_a_classroom(classroom)
        self._courses()
        for person in self._school.people:
            self._of_a_person(person)
        self._odd_sessions()
        self._knowledge()
        return self._school

    def _people(self) -> None:
        roles = ["student"] * STUDENTS + ["teacher"] * TEACHERS + ["admin"] * 2 + ["service"] * 2
        quiet = set(self._random.sample(range(2, STUDENTS + TEACHERS), QUIET))
        for number, role in enumerate(roles):
            identity = self._id()
            picture = f"avatars/{identity}/{self._id()}.png" if self._maybe(0.4) else None
            if picture is None and self._maybe(0.3):
                picture = f"https://pictures.example/{number}.png"
            self._school.people.append(
                Person(
                    id=identity,
                    said=f"{role} {number}",
                    email=f"{role}.{number}@parity.school",
                    name=f"Person {number}" if self._maybe(0.8) else None,
                    role=role,
                    picture=picture,
                    is_active=number not in quiet or self._maybe(0.6),
                    created_at=self._ago(400),
                    last_login=self._ago(30) if self._maybe(0.7) else None,
                    asks=number not in quiet,
                )
            )

    def _classrooms(self) -> None:
        school = self._school
        students = [each for each in school.people if each.role == "student"]
        teachers = [each for each in school.people if each.role == "teacher"]
        # Two students who ask are members of nothing, whatever the dice say.
        mixing = students[2:]
        for number in range(CLASSROOMS):
            teacher = self._random.choice(teachers)
            code = f"{number:03}{school.seed % 99_999:05}"
            classroom = Classroom(self._id(), f"Classroom {number}", teacher.id, code)
            school.classrooms.append(classroom)
            roles = dict.fromkeys(self._random.sample(mixing, self._random.randint(2, 6)), "student")
            assistant = self._random.choice([*roles, *teachers])
            roles[assistant] = "assistant"
            guest = self._random.choice(teachers)
            roles.setdefault(guest, "student")
            if number % 3:  # else whoever answers for it is no member, or what they were made above
                roles[teacher] = "teacher"
            if number == CLASSROOMS - 1:
                roles[next(each for each in school.people if each.role == "admin")] = "student"
            for person, role in roles.items():
                school.members.append(Member(self._id(), classroom.id, person.id, role, self._ago(200)))

    def _in_a_classroom(self, classroom: Classroom) -> None:
        school = self._school
        here = [each.user_id for each in school.members if each.classroom_id == classroom.id]
        anybody = [each.id for each in school.people]
        for number in range(self._random.randint(1, 3)):
            meeting = Meeting(self._id(), classroom.id, f"{classroom.name}, meeting {number}")
            school.meetings.append(meeting)
            for _ in range(self._random.randint(0, 2)):
                recording = self._id()
                key = f"recordings/{classroom.id}/{meeting.id}/{recording}.wav"
                school.recordings.append(Recording(recording, meeting.id, classroom.id, key))
            if self._maybe(0.7):
                # Members, guests, and somebody who once was one.
                speakers = [*self._random.sample(here, min(2, len(here))), None, self._random.choice(anybody)]
                count = self._random.randint(1, 4)
                school.transcripts.append(Transcript(self._hex(), meeting.id, classroom.id, tuple(speakers[:count])))
        for number in range(self._random.randint(1, 3)):
            assessment = Assessment(self._id(), classroom.id, f"{classroom.name}, exam {number}")
            school.assessments.append(assessment)
            for person in self._random.sample(here, self._random.randint(0, len(here))):
                score = self._random.randint(0, 100) if self._maybe(0.6) else None
                school.submissions.append(Submission(self._id(), assessment.id, person, score))
        for number in range(self._random.randint(1, 2)):
            identity, filename = self._id(), f"notes-{number}.pdf"
            key = f"documents/{classroom.id}/{identity}/{filename}"
            document = Document(identity, classroom.id, filename, key)
            school.documents.append(document)
            for position in range(self._random.randint(1, 3)):
                school.chunks.append(Chunk(self._id(), document, position))

    def _knowledge(self) -> None:
        for number in range(KNOWN):
            identity, filename = self._id(), f"policy-{number}.pdf"
            key = f"knowledge/{identity}/{filename}"
            self._school.documents.append(Document(identity, None, filename, key))

    def _courses(self) -> None:
        school = self._school
        teachers = [each for each in school.people if each.role == "teacher"]
        students = [each for each in school.people if each.role == "student"]
        for number in range(COURSES):
            status = ("published", "draft", "archived")[number % 3]
            course = Course(self._id(), f"Course {number}", status, self._random.choice(teachers).id)
            school.courses.append(course)
            for person in self._random.sample(students, self._random.randint(1, 5)):
                school.enrollments.append(Enrollment(self._id(), course.id, person.id, self._ago(60)))

    def _of_a_person(self, person: Person) -> None:
        school, now = self._school, self._school.now
        if self._maybe(0.5):
            school.first_names[person.id] = f"First {person.said}"
        if self._maybe(0.5):
            school.themes[person.id] = "dark"
        if self._maybe(0.5):
            school.plans[person.id] = "plus"
        for _ in range(self._random.randint(0, 3)):
            school.traces.append(Trace(self._hex(), person.id, "lesson.completed", self._ago(80)))
        if self._maybe(0.4):
            # Kept longer than it may be seen: the sweep has not come yet.
            expired = now - timedelta(days=90, minutes=self._random.randint(1, 600))
            school.traces.append(Trace(self._hex(), person.id, "too.old", expired))
        for back in self._random.sample(range(14), self._random.randint(0, 4)):
            day = (now - timedelta(days=back)).date()
            school.days.append(Day(person.id, day, float(self._random.randint(0, 100))))
        for revoked, days in self._random.sample([(False, 1), (True, 1), (False, -1)], self._random.randint(0, 3)):
            ended = now - timedelta(hours=1) if revoked else None
            school.log_ins.append(LogIn(self._id(), person.id, now + timedelta(days=days), ended))
        if person.asks:
            school.sessions.append(LiveSession(self._id(), person.id, person.id, now - timedelta(hours=1)))
        elif self._maybe(0.7):
            school.seen[person.id] = now - timedelta(seconds=self._random.choice((30, 600, 5000)))
        if person.role == "admin":
            school.entries.append(Entry(self._id(), person.id, "read"))

    def _odd_sessions(self) -> None:
        """Under the key of one, of somebody else; and one that has lasted its day."""
        school = self._school
        people = [each.id for each in school.viewers]
        for owner in people:
            other = self._random.choice([each for each in people if each != owner])
            school.sessions.append(LiveSession(self._id(), owner, other, school.now - timedelta(hours=1)))
            school.sessions.append(LiveSession(self._id(), owner, owner, school.now - timedelta(hours=25)))

    def _id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def _hex(self) -> str:
        return f"{self._random.getrandbits(96):024x}"

    def _maybe(self, share: float) -> bool:
        return self._random.random() < share

    def _ago(self, days: int) -> datetime:
        return self._school.now - timedelta(seconds=self._random.randint(60, days * 86_400))
