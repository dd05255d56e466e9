"""How does the memory school answer? Loaders of one operation that read from lists, as the stores would answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from datadir.cassandra.tables import UserEngagement
from datadir.errors import StoreUnavailable
from datadir.names import StoreName
from datadir.scope import Scope
from loaders.accounts import USERS, PresenceRecord
from loaders.activity import ActivityPage
from loaders.assessments import ASSESSMENTS, SubmissionSummaryRecord
from loaders.audit_log import AuditRecord
from loaders.classrooms import CLASSROOMS, CLASSROOMS_OF_USER, MEMBERS
from loaders.courses import ENROLLMENTS_OF_USER
from loaders.cursor import Cursors, InvalidCursor
from loaders.library import ChunkMatch, ChunkMatches
from loaders.meetings import MEETINGS, SegmentPage, SegmentRecord, TranscriptRecord
from loaders.page import Listing, Page, PageRequest, TotalRecord
from tests.corpus.memory_records import NOW, SCHOOL, made, uuid

CURSORS = Cursors("corpus")


class Total(NamedTuple):
    """A count, as `CountRecord` and `TotalRecord` have it."""

    owner: Any
    total: int


class _Lease:
    """Counts are read by statement, and the audit log, in which nothing is. `known`: whether the scope can be read."""

    def __init__(self, known: bool) -> None:
        self.known = known

    async def fetch(self, record: type[Any], sql: str, *args: Any) -> list[Total]:
        if record is AuditRecord:
            return []
        if record is TotalRecord:
            return [Total(None, len(SCHOOL.classrooms))]
        return [Total(owner, hash(owner) % 7) for owner in args[0]]

    def over(self) -> None:
        """Nothing was begun."""


def _by_user(records: Sequence[Any]) -> Any:
    async def read(ids: Sequence[Any]) -> list[Any]:
        found = {each.user_id: each for each in records}
        return [found.get(each) for each in ids]

    return read


def _theirs(records: Sequence[Any], user: Any) -> list[Any]:
    return [each for each in records if each.user_id == user]


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

    def __init__(self, scope: Scope, *, known: bool = True) -> None:
        self.scope = scope if known else Scope(user_id=scope.user_id, role=scope.role)
        self.cursors = CURSORS
        self.lease = _Lease(known)
        school = SCHOOL
        self.accounts = SimpleNamespace(
            users_by_id=_by_id(school.users),
            users=self._users,
            presence_by_user_id=self._presence,
            profiles_by_user_id=_by_user(school.profiles),
            preferences_by_user_id=_by_user(school.preferences),
            subscriptions_by_user_id=_by_user(school.subscriptions),
            sessions_by_user_id=self._sessions,
            sessions_by_id=lambda ids, now: _by_id(school.sessions)(ids),
        )
        self.activity = SimpleNamespace(
            activity_by_user_id=self._activity,
            activity_by_id=lambda ids, now: _by_id(school.activity)(ids),
            totals=self._traces,
        )
        self.courses = SimpleNamespace(
            courses_by_id=_by_id(school.courses),
            enrollments_by_id=_by_id(school.enrollments),
            enrollments_by_user_id=_pages_by(ENROLLMENTS_OF_USER, lambda key: _theirs(school.enrollments, key)),
        )
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
            meetings_by_classroom_id=_pages_by(MEETINGS, lambda key: _of(school.meetings, key)),
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

    async def whole_scope(self) -> Scope:
        """As `Loaders.whole_scope`."""
        await asyncio.sleep(0)
        if not self.lease.known:
            raise StoreUnavailable(StoreName.POSTGRESQL)
        return self.scope

    async def _users(self, request: PageRequest) -> Page[Any]:
        return page_of(USERS, SCHOOL.users, request, None)

    async def _sessions(self, ids: Sequence[Any], now: datetime) -> list[list[Any]]:
        return [_theirs(SCHOOL.sessions, key) for key in ids]

    async def _activity(self, ids: Sequence[Any], request: PageRequest, now: datetime) -> list[Any]:
        places = [CURSORS.decode("activity", each, 3) if each is not None else None for each in _cursors(request)]
        pages: list[Any] = []
        for key in ids:
            if any(place is not None and place[0] != key for place in places):
                pages.append(InvalidCursor())
                continue
            records = _theirs(SCHOOL.activity, key)[: request.size]
            pages.append(ActivityPage(records, False, request.after is not None, key, now, CURSORS))
        return pages

    async def _traces(self, pages: Sequence[ActivityPage]) -> list[int]:
        return [len(_theirs(SCHOOL.activity, page.owner)) for page in pages]

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
        return [SCHOOL.segments(transcript)[at] if transcript in known and at < 4 else None for transcript, at in keys]

    async def _summaries(self, ids: Sequence[Any]) -> list[Any]:
        return [made(SubmissionSummaryRecord, each, 3, 1, None if str(each)[-1] == "1" else 7.5) for each in ids]

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
