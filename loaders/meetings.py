"""How are meetings gathered? By classroom, with their recordings and transcripts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from datadir.mongodb.client import object_id
from datadir.mongodb.collections import TRANSCRIPTS
from datadir.postgresql.record import Row
from loaders.cursor import Cursors, InvalidCursor
from loaders.page import Listing, Order, OrderColumn, Page, PageRequest, pages_by_owner

if TYPE_CHECKING:
    from loaders import Loaders


class MeetingRecord(Row):
    """A lesson at a time."""

    __slots__ = ()
    id: UUID
    classroom_id: UUID
    title: str | None
    description: str | None
    scheduled_at: datetime
    duration_minutes: int
    status: str
    meeting_url: str | None
    created_at: datetime


class RecordingRecord(Row):
    """A recorded lesson; `key` names its object."""

    __slots__ = ()
    id: UUID
    meeting_id: UUID
    key: str
    duration_seconds: int | None
    file_size_bytes: int | None
    summary: str | None
    created_at: datetime


class SegmentRecord(NamedTuple):
    """One stretch of speech. Times are seconds from the meeting's start, `position` counts from 0."""

    transcript_id: str
    position: int
    speaker_id: UUID | None
    speaker_name: str
    start_time: float
    end_time: float
    text: str
    confidence: float | None

    @property
    def id(self) -> str:
        """Its transcript and its place in it."""
        return f"{self.transcript_id}:{self.position}"


@dataclass(frozen=True, slots=True)
class SegmentPage:
    """Some consecutive segments of one transcript and how many there are in all."""

    records: Sequence[SegmentRecord]
    total: int
    cursors: Cursors

    @property
    def has_next(self) -> bool:
        """Whether segments follow."""
        return bool(self.records) and self.records[-1].position + 1 < self.total

    @property
    def has_previous(self) -> bool:
        """Whether segments come before."""
        return bool(self.records) and self.records[0].position > 0

    def cursor(self, record: SegmentRecord) -> str:
        """The opaque cursor of one segment."""
        return self.cursors.encode(_SEGMENTS, [record.position])


@dataclass(frozen=True, slots=True)
class TranscriptRecord:
    """A meeting's transcript, with the slices of its segments that the operation asked for."""

    id: str
    meeting_id: UUID
    classroom_id: UUID
    language: str
    word_count: int
    duration_seconds: float | None
    created_at: datetime
    segment_count: int
    slices: dict[PageRequest, SegmentPage]


_MEETING: Final = (
    "m.id, m.classroom_id, m.title, m.description, m.scheduled_at, m.duration_minutes, m.status, m.meeting_url, "
    "m.created_at"
)
_RECORDING: Final = (
    "r.id, r.meeting_id, r.file_url as key, r.duration_seconds, r.file_size_bytes, r.summary, r.created_at"
)
_SEGMENTS: Final = "segments"

MEETINGS: Final = Listing(
    name="meetings",
    select=_MEETING,
    source="meetings m",
    id="m.id",
    parent="m.classroom_id",
    owner="classroom_id",
    default_order=(Order("SCHEDULED_AT"),),
    orders={
        "SCHEDULED_AT": OrderColumn("m.scheduled_at", "timestamptz", "scheduled_at"),
        "CREATED_AT": OrderColumn("m.created_at", "timestamptz", "created_at"),
    },
    filters={
        "status": ("m.status", "text"),
        "scheduledAt": ("m.scheduled_at", "timestamptz"),
        "title": ("m.title", "text"),
    },
)


class Meetings:
    """Reads of meetings, recordings and transcripts for one operation."""

    __slots__ = ("_loaders",)

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    async def meetings_by_id(self, ids: Sequence[UUID]) -> list[MeetingRecord | None]:
        """Meetings in the order of `ids`, None where the viewer's scope holds none."""
        rows = await self._loaders.lease.fetch(
            MeetingRecord, f"select {_MEETING} from meetings m where m.id = any($1::uuid[])", list(dict.fromkeys(ids))
        )
        found = {row.id: row for row in rows}
        return [found.get(each) for each in ids]

    async def meetings_by_classroom_id(self, ids: Sequence[UUID], request: PageRequest) -> list[Page[MeetingRecord]]:
        """One page of meetings for each classroom."""
        return await pages_by_owner(self._loaders, MEETINGS, MeetingRecord, request, ids)

    async def recordings_by_id(self, ids: Sequence[UUID]) -> list[RecordingRecord | None]:
        """Recordings in the order of `ids`, None where the viewer's scope holds none."""
        rows = await self._loaders.lease.fetch(
            RecordingRecord,
            f"select {_RECORDING} from recordings r where r.id = any($1::uuid[])",
            list(dict.fromkeys(ids)),
        )
        found = {row.id: row for row in rows}
        return [found.get(each) for each in ids]

    async def recordings_by_meeting_id(self, ids: Sequence[UUID]) -> list[list[RecordingRecord]]:
        """All recordings of each meeting, oldest first."""
        rows = await self._loaders.lease.fetch(
            RecordingRecord,
            f"select {_RECORDING} from recordings r where r.meeting_id = any($1::uuid[]) order by r.created_at, r.id",
            list(dict.fromkeys(ids)),
        )
        groups: dict[UUID, list[RecordingRecord]] = defaultdict(list)
        for row in rows:
            groups[row.meeting_id].append(row)
        return [groups.get(each, []) for each in ids]

    async def transcripts_by_meeting_id(
        self, ids: Sequence[UUID], slices: Sequence[PageRequest]
    ) -> list[TranscriptRecord | None]:
        """The transcript of each meeting with these slices of its segments, None where there is none."""
        found = await self._transcripts({"meeting_id": {"$in": [str(each) for each in dict.fromkeys(ids)]}}, slices)
        by_meeting = {record.meeting_id: record for record in found}
        return [by_meeting.get(each) for each in ids]

    async def transcripts_by_id(
        self, ids: Sequence[str], slices: Sequence[PageRequest]
    ) -> list[TranscriptRecord | None]:
        """Transcripts in the order of `ids` with these slices, None where the viewer's scope holds none."""
        keys = [object_id(each) for each in dict.fromkeys(ids)]
        by_id = {record.id: record for record in await self._transcripts({"_id": {"$in": keys}}, slices)}
        return [by_id.get(each) for each in ids]

    async def segments_by_position(self, keys: Sequence[tuple[str, int]]) -> list[SegmentRecord | None]:
        """Single segments, each named by transcript and position; None where the viewer's scope holds none."""
        positions = dict.fromkeys(position for _, position in keys)
        requests = {position: self._single(position) for position in positions}
        ids = list(dict.fromkeys(transcript for transcript, _ in keys))
        found = {
            each.id: each for each in await self.transcripts_by_id(ids, list(requests.values())) if each is not None
        }
        segments: list[SegmentRecord | None] = []
        for transcript, position in keys:
            records = found[transcript].slices[requests[position]].records if transcript in found else ()
            segments.append(records[0] if records else None)
        return segments

    def _single(self, position: int) -> PageRequest:
        after = self._loaders.cursors.encode(_SEGMENTS, [position - 1]) if position else None
        return PageRequest(size=1, after=after)

    async def _transcripts(self, match: dict[str, Any], slices: Sequence[PageRequest]) -> list[TranscriptRecord]:
        scope = self._loaders.scope
        if not scope.sees_all:
            # The door in MongoDB's own words.
            match = {**match, "classroom_id": {"$in": [str(each) for each in scope.classroom_ids]}}
        projection: dict[str, Any] = {
            "meeting_id": 1,
            "classroom_id": 1,
            "language": 1,
            "word_count": 1,
            "duration_seconds": 1,
            "created_at": 1,
            "segment_count": {"$size": "$segments"},
        }
        for number, request in enumerate(slices):
            projection[f"slice_{number}"] = self._slice(request)
        documents = await self._loaders.stores.documents.aggregate(
            TRANSCRIPTS.name, [{"$match": match}, {"$project": projection}]
        )
        return [self._transcript(document, slices) for document in documents]

    def _slice(self, request: PageRequest) -> dict[str, Any]:
        start, size = self._bounds(request)
        if start is None:
            return {"$slice": ["$segments", -size]}
        # MongoDB refuses a slice of no elements.
        return {"$slice": ["$segments", start, size]} if size else {"$literal": []}

    def _bounds(self, request: PageRequest) -> tuple[int | None, int]:
        """First position and size of a slice; None: the last `size` segments."""
        if request.backward:
            if request.before is None:
                return None, request.size
            end = self._position(request.before)
            start = max(0, end - request.size)
            return start, end - start
        return (self._position(request.after) + 1 if request.after is not None else 0), request.size

    def _position(self, cursor: str) -> int:
        values = self._loaders.cursors.decode(_SEGMENTS, cursor)
        if len(values) != 1 or not isinstance(values[0], int):
            raise InvalidCursor
        return values[0]

    def _transcript(self, document: dict[str, Any], slices: Sequence[PageRequest]) -> TranscriptRecord:
        identity, total = str(document["_id"]), document["segment_count"]
        pages: dict[PageRequest, SegmentPage] = {}
        for number, request in enumerate(slices):
            segments = document[f"slice_{number}"]
            start, _ = self._bounds(request)
            first = max(0, total - request.size) if start is None else start
            records = [_segment(identity, first + offset, each) for offset, each in enumerate(segments)]
            pages[request] = SegmentPage(records, total, self._loaders.cursors)
        return TranscriptRecord(
            id=identity,
            meeting_id=UUID(document["meeting_id"]),
            classroom_id=UUID(document["classroom_id"]),
            language=document["language"],
            word_count=document["word_count"],
            duration_seconds=document.get("duration_seconds"),
            created_at=document["created_at"],
            segment_count=total,
            slices=pages,
        )


def _segment(transcript_id: str, position: int, segment: dict[str, Any]) -> SegmentRecord:
    speaker = segment.get("speaker_id")
    return SegmentRecord(
        transcript_id,
        position,
        UUID(speaker) if speaker else None,
        segment["speaker_name"],
        segment["start_time"],
        segment["end_time"],
        segment["text"],
        segment.get("confidence"),
    )
