"""Which records do corpus operations find? A small school in memory, read through the resolvers' own functions.

`MemoryOperation` is an `Operation` whose loaders answer from lists; everything above the loaders is the program's own.
Rows of PostgreSQL are asyncpg's and cannot be made by hand: `held` makes a tuple with the same columns for each record
class, and `installed` lets the faces take those for theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from datadir.cassandra.tables import UserEngagement
from datadir.errors import StoreUnavailable
from datadir.names import StoreName
from datadir.postgresql.record import Row
from datadir.scope import Scope
from datadir.stores import StoreHealth
from graph.execution.edge import spec_of
from graph.schema import NODES, graphql_schema
from loaders import meetings as stored_meetings
from loaders.accounts import PresenceRecord, UserRecord
from loaders.assessments import ASSESSMENTS, AssessmentRecord, SubmissionSummaryRecord
from loaders.classrooms import (
    CLASSROOMS,
    CLASSROOMS_OF_USER,
    MEMBERS,
    ClassroomRecord,
    MemberRecord,
    OwnClassroomRecord,
)
from loaders.cursor import Cursors, InvalidCursor
from loaders.library import ChunkMatch, ChunkMatches, ChunkRecord, DocumentRecord
from loaders.meetings import MeetingRecord, RecordingRecord, SegmentPage, SegmentRecord, TranscriptRecord
from loaders.page import Listing, Page, PageRequest, TotalRecord
from resolvers import accounts
from resolvers.accounts import LogIn, Problem
from resolvers.operation import Operation, Services, Viewer

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CURSORS = Cursors("corpus")
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


def _made(record: type[Row], *values: Any) -> Any:
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
            _made(
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
            _made(MemberRecord, uuid(3, 10 * room + seat), uuid(2, room), uuid(1, user), role, _at(-30 - seat))
            for room, users in enumerate(((0, 1, 2, 4), (0, 2, 9), ()))
            for seat, (user, role) in enumerate(zip(users, ("teacher", "student", "assistant", "student"), strict=False))
        ]
        states = ("ended", "live", "scheduled")
        self.meetings = [
            _made(
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
            _made(RecordingRecord, uuid(5, number), self.meetings[at].id, f"r/{number}", 60, 2**33, None, _at(-number))
            for number, at in enumerate((0, 0, 3))
        ]
        self.transcripts = {meeting.id: f"{at:024x}" for at, meeting in enumerate(self.meetings) if at != 2}
        self.assessments = [
            _made(
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
            _made(
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

    def _classroom(self, record: type[Row], number: int, *more: Any) -> Any:
        return _made(
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
            SegmentRecord(transcript, at, uuid(1, at) if at in (0, 2) else None, f"Voice {at}", at, at + 0.5, "Hm.", 0.9)
            for at in range(4)
        ]


SCHOOL = School()
VIEWERS: dict[str, Viewer | None] = {
    "teacher": Viewer(uuid(1, 0), "teacher", "s0"),
    "student": Viewer(uuid(1, 1), "student", "s1"),
    "admin": Viewer(uuid(1, 3), "admin", "s3"),
    "nobody": None,
}


class Total(NamedTuple):
    """A count, as `CountRecord` and `TotalRecord` have it."""

    owner: Any
    total: int


class _Lease:
    """Counts alone are read by statement."""

    async def fetch(self, record: type[Any], sql: str, *args: Any) -> list[Total]:
        if record is TotalRecord:
            return [Total(None, len(SCHOOL.classrooms))]
        return [Total(owner, hash(owner) % 7) for owner in args[0]]


def _by_id(records: Sequence[Any]) -> Any:
    async def read(ids: Sequence[Any]) -> list[Any]:
        found = {each.id: each for each in records}
        return [found.get(each) for each in ids]

    return read


def page_of(listing: Listing, records: Sequence[Any], request: PageRequest, owner: UUID | None) -> Page[Any]:
    """A page as PostgreSQL would give it; a filter keeps every other record. Raises InvalidCursor."""
    terms = listing.terms(request)
    rows = list(records)[:: 2 if request.where is not None else 1]
    if terms[0].descending:
        rows.reverse()
    start, end = 0, len(rows)
    for cursor, is_start in ((request.after, True), (request.before, False)):
        if cursor is None:
            continue
        values = CURSORS.decode(listing.tag(request), cursor, len(terms) + 2)
        if values[0] != owner:
            raise InvalidCursor
        place = next((at for at, row in enumerate(rows) if row.id == values[-1]), -1)
        start, end = (place + 1, end) if is_start else (start, max(place, 0))
    rows = rows[start:end]
    more = len(rows) > request.size
    kept = rows[-request.size :] if request.backward else rows[: request.size]
    ahead = request.after is not None
    return Page(kept, more and not request.backward, ahead, request, listing, CURSORS, owner)


def _pages_by(listing: Listing, records_of: Any) -> Any:
    async def read(ids: Sequence[Any], request: PageRequest) -> list[Page[Any] | InvalidCursor]:
        pages: list[Page[Any] | InvalidCursor] = []
        for each in ids:
            try:
                pages.append(page_of(listing, records_of(each), request, each))
            except InvalidCursor as error:
                pages.append(error)
        return pages

    return read


class MemoryLoaders:
    """Loaders of one operation, by the names of `loaders.Loaders`."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.cursors = CURSORS
        self.lease = _Lease()
        school = SCHOOL
        self.accounts = SimpleNamespace(users_by_id=_by_id(school.users), presence_by_user_id=self._presence)
        self.classrooms = SimpleNamespace(
            classrooms_by_id=_by_id(school.classrooms),
            members_by_id=_by_id(school.members),
            classrooms=self._classrooms,
            classrooms_by_user_id=_pages_by(CLASSROOMS_OF_USER, school.classrooms_of),
            members_by_classroom_id=_pages_by(MEMBERS, lambda key: _of(school.members, key)),
        )
        self.meetings = SimpleNamespace(
            meetings_by_id=_by_id(school.meetings),
            recordings_by_id=_by_id(school.recordings),
            meetings_by_classroom_id=_pages_by(stored_meetings.MEETINGS, lambda key: _of(school.meetings, key)),
            recordings_by_meeting_id=self._recordings,
            transcripts_by_meeting_id=self._transcripts_of,
            transcripts_by_id=self._transcripts,
            segments_by_position=self._segments,
        )
        self.assessments = SimpleNamespace(
            assessments_by_id=_by_id(school.assessments),
            assessments_by_classroom_id=_pages_by(ASSESSMENTS, lambda key: _of(school.assessments, key)),
            summaries_by_assessment_id=self._summaries,
        )
        self.library = SimpleNamespace(
            documents_by_id=_by_id(school.documents),
            chunks_by_id=_by_id(school.chunks),
            matches_by_classroom_id=self._matches,
        )
        self.engagement = SimpleNamespace(days_by_user_id=self._days)

    async def _presence(self, ids: Sequence[Any]) -> list[PresenceRecord]:
        seen = {uuid(1, 0): NOW, uuid(1, 1): NOW - timedelta(minutes=9)}
        return [PresenceRecord(each, seen.get(each)) for each in ids]

    async def _classrooms(self, request: PageRequest) -> Page[Any]:
        return page_of(CLASSROOMS, SCHOOL.classrooms, request, None)

    async def _recordings(self, ids: Sequence[Any]) -> list[list[Any]]:
        return [[each for each in SCHOOL.recordings if each.meeting_id == key] for key in ids]

    async def _transcripts_of(self, ids: Sequence[Any], slices: Sequence[PageRequest]) -> list[Any]:
        return await self._transcripts([SCHOOL.transcripts.get(each) for each in ids], slices)

    async def _transcripts(self, ids: Sequence[Any], slices: Sequence[PageRequest]) -> list[Any]:
        meetings = {transcript: meeting for meeting, transcript in SCHOOL.transcripts.items()}
        return [
            TranscriptRecord(
                each,
                meetings[each],
                uuid(2, 0),
                "en",
                900,
                None,
                NOW,
                4,
                {request: self._slice(each, request) for request in slices},
            )
            if each in meetings
            else None
            for each in ids
        ]

    def _slice(self, transcript: str, request: PageRequest) -> SegmentPage | InvalidCursor:
        records = SCHOOL.segments(transcript)
        places = [CURSORS.decode("segments", each, 2) if each is not None else None for each in _cursors(request)]
        if any(place is not None and place[0] != transcript for place in places):
            return InvalidCursor()
        after, before = (place[1] if place else None for place in places)
        records = records[0 if after is None else after + 1 : before]
        return SegmentPage(records[-request.size :] if request.backward else records[: request.size], 4, CURSORS)

    async def _segments(self, keys: Sequence[tuple[str, int]]) -> list[SegmentRecord | None]:
        known = set(SCHOOL.transcripts.values())
        return [
            SCHOOL.segments(transcript)[at] if transcript in known and at < 4 else None for transcript, at in keys
        ]

    async def _summaries(self, ids: Sequence[Any]) -> list[Any]:
        return [_made(SubmissionSummaryRecord, each, 3, 1, None if str(each)[-1] == "1" else 7.5) for each in ids]

    async def _matches(self, ids: Sequence[Any], query: str, request: PageRequest) -> list[ChunkMatches]:
        offset = 0
        if request.after is not None:
            offset = CURSORS.decode(f"search {query}", request.after, 2)[1] + 1
        matches = [ChunkMatch(at, 0.75 - at / 8, chunk) for at, chunk in enumerate(SCHOOL.chunks)][offset:]
        empty = ChunkMatches(query, [], False, False, CURSORS)
        some = ChunkMatches(query, matches[: request.size], len(matches) > request.size, offset > 0, CURSORS)
        return [some if each == uuid(2, 0) else empty for each in ids]

    async def _days(self, ids: Sequence[Any], since: date) -> list[list[UserEngagement]]:
        days = [day for day in (NOW.date(), NOW.date() - timedelta(days=2)) if day >= since]
        return [
            [UserEngagement(each, day, 9, 3, 1, 40, 61.5) for day in days] if each != uuid(1, 2) else [] for each in ids
        ]


def _cursors(request: PageRequest) -> tuple[str | None, str | None]:
    return request.after, request.before


def _of(records: Sequence[Any], classroom: Any) -> list[Any]:
    return [each for each in records if each.classroom_id == classroom]


class _Objects:
    async def link(self, key: str, *, expires: timedelta) -> str:
        return f"https://corpus.school/objects/{key}"


class _Stores:
    objects = _Objects()

    async def health(self) -> list[StoreHealth]:
        return [
            StoreHealth("postgresql", "relational", "ok", "embedded", 0.5, "18", None),
            StoreHealth("qdrant", "vectors", "warming", "real", None, None, 40),
        ]


SERVICES = Services(_Stores(), None, CURSORS, None, None, lambda: NOW)  # type: ignore[arg-type]


class MemoryOperation(Operation):
    """An operation that reads from the memory school. `opens`: whether the viewer's scope can be read."""

    def __init__(self, services: Services, viewer: Viewer | None, *, opens: bool = True) -> None:
        super().__init__(services, viewer)
        self.log_ins = 0
        self._opens = opens

    async def _open(self) -> Any:
        await asyncio.sleep(0)
        if not self._opens:
            raise StoreUnavailable(StoreName.POSTGRESQL)
        user, role = (self.viewer.user_id, self.viewer.role) if self.viewer else (None, "anonymous")
        rooms = tuple(each.classroom_id for each in SCHOOL.members if each.user_id == user)
        taught = tuple(
            each.classroom_id for each in SCHOOL.members if each.user_id == user and each.role != "student"
        )
        loaders: Any = MemoryLoaders(Scope(user_id=user, role=role, classroom_ids=rooms, taught_ids=taught))
        self._opened = loaders
        return loaders


async def log_in(operation: MemoryOperation, input: Any) -> LogIn:
    """As `resolvers.accounts.log_in`, without stores: tokens say how many log-ins this operation has seen."""
    operation.log_ins += 1
    number = operation.log_ins
    person = next((each for each in SCHOOL.users if each.email == input.email), None)
    if person is None:
        return LogIn(errors=(Problem("INVALID_CREDENTIALS", f"Refused as number {number}.", ["input"]),))
    operation.become(Viewer(person.id, person.role, f"session {number}"))
    viewer = await accounts.viewer(operation)
    return LogIn(f"access {number}", f"refresh {number}", NOW + timedelta(minutes=15), viewer)


@contextmanager
def installed() -> Iterator[None]:
    """Let the faces take the memory school's records for theirs, and log-in do without stores."""
    with pytest.MonkeyPatch.context() as patch:
        for face in NODES:
            if issubclass(face.record, Row):
                patch.setattr(face, "record", held(face.record))
        mutation: Any = graphql_schema().mutation_type
        spec: Any = spec_of(mutation.fields["logIn"].extensions["strawberry-definition"])
        real = spec.call
        object.__setattr__(spec, "call", log_in)
        try:
            yield
        finally:
            object.__setattr__(spec, "call", real)
