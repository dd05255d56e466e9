"""How are meetings gathered? By classroom, with their recordings and transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from datadir.mongodb.client import object_id
from datadir.mongodb.collections import TRANSCRIPTS
from datadir.postgresql.record import Row
from loaders.by_key import all_by_key, one_by_key
from loaders.cursor import Cursors, InvalidCursor
from loaders.degrading import Degrades, degrades
from loaders.page import Listing, Order, OrderColumn, PageRequest, Pages, pages_by_owner

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
        return self.cursors.encode(_SEGMENTS, [record.transcript_id, record.position])


class At(NamedTuple):
    """The one segment at a position."""

    position: int


Slice: TypeAlias = PageRequest | At


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
    # A cursor of another transcript is refused here alone.
    slices: dict[Slice, SegmentPage | InvalidCursor]


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

    @degrades(Degrades.NULL)
    async def meetings_by_id(self, ids: Sequence[UUID]) -> list[MeetingRecord | None]:
        """Meetings in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders, MeetingRecord, f"select {_MEETING} from meetings m where m.id = any($1::uuid[])", ids
        )

    @degrades(Degrades.NULL)
    async def meetings_by_classroom_id(self, ids: Sequence[UUID], request: PageRequest) -> Pages[MeetingRecord]:
        """One page of meetings for each classroom."""
        return await pages_by_owner(self._loaders, MEETINGS, MeetingRecord, request, ids)

    @degrades(Degrades.NULL)
    async def recordings_by_id(self, ids: Sequence[UUID]) -> list[RecordingRecord | None]:
        """Recordings in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders, RecordingRecord, f"select {_RECORDING} from recordings r where r.id = any($1::uuid[])", ids
        )

    @degrades(Degrades.NULL)
    async def recordings_by_meeting_id(self, ids: Sequence[UUID]) -> list[list[RecordingRecord]]:
        """All recordings of each meeting, oldest first."""
        return await all_by_key(
            self._loaders,
            RecordingRecord,
            f"select {_RECORDING} from recordings r where r.meeting_id = any($1::uuid[]) order by r.created_at, r.id",
            ids,
            key="meeting_id",
        )

    @degrades(Degrades.NULL)
    async def transcripts_by_meeting_id(
        self, ids: Sequence[UUID], slices: Sequence[Slice]
    ) -> list[TranscriptRecord | None]:
        """The transcript of each meeting with these slices of its segments, None where there is none."""
        found = await self._transcripts({"meeting_id": {"$in": [str(each) for each in dict.fromkeys(ids)]}}, slices)
        by_meeting = {record.meeting_id: record for record in found}
        return [by_meeting.get(each) for each in ids]

    @degrades(Degrades.NULL)
    async def transcripts_by_id(self, ids: Sequence[str], slices: Sequence[Slice]) -> list[TranscriptRecord | None]:
        """Transcripts in the order of `ids` with these slices, None where the viewer's scope holds none."""
        keys = [object_id(each) for each in dict.fromkeys(ids)]
        by_id = {record.id: record for record in await self._transcripts({"_id": {"$in": keys}}, slices)}
        return [by_id.get(each) for each in ids]

    @degrades(Degrades.NULL)
    async def segments_by_position(self, keys: Sequence[tuple[str, int]]) -> list[SegmentRecord | None]:
        """Single segments, each named by transcript and position; None where the viewer's scope holds none."""
        places = list(dict.fromkeys(At(position) for _, position in keys))
        ids = list(dict.fromkeys(transcript for transcript, _ in keys))
        found = {
            (transcript.id, segment.position): segment
            for transcript in await self.transcripts_by_id(ids, places)
            if transcript is not None
            for page in transcript.slices.values()
            if isinstance(page, SegmentPage)
            for segment in page.records
        }
        return [found.get((transcript, position)) for transcript, position in keys]

    async def _transcripts(self, match: dict[str, Any], slices: Sequence[Slice]) -> list[TranscriptRecord]:
        scope = await self._loaders.whole_scope()
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

    def _slice(self, wanted: Slice) -> dict[str, Any]:
        start, size = self._bounds(wanted)
        if start is None:
            return {"$slice": ["$segments", -size]}
        # MongoDB refuses a slice of no elements.
        return {"$slice": ["$segments", start, size]} if size else {"$literal": []}

    def _bounds(self, wanted: Slice) -> tuple[int | None, int]:
        """First position and size of a slice; None: the last `size` segments."""
        if isinstance(wanted, At):
            return wanted.position, 1
        first = 0 if wanted.after is None else self._place(wanted.after).position + 1
        if wanted.before is None:
            return (None if wanted.backward else first), wanted.size
        end = self._place(wanted.before).position
        if wanted.backward:
            first = max(first, end - wanted.size)
        return first, max(0, min(wanted.size, end - first))

    def _place(self, cursor: str) -> _Place:
        return _Place(*self._loaders.cursors.decode(_SEGMENTS, cursor, 2))

    def _transcript(self, document: dict[str, Any], slices: Sequence[Slice]) -> TranscriptRecord:
        identity, total = str(document["_id"]), document["segment_count"]
        pages: dict[Slice, SegmentPage | InvalidCursor] = {}
        for number, wanted in enumerate(slices):
            cursors = () if isinstance(wanted, At) else (wanted.after, wanted.before)
            places = [self._place(cursor) for cursor in cursors if cursor is not None]
            if any(place.transcript_id != identity for place in places):
                pages[wanted] = InvalidCursor()
                continue
            segments = document[f"slice_{number}"]
            start, size = self._bounds(wanted)
            first = max(0, total - size) if start is None else start
            records = [_segment(identity, first + offset, each) for offset, each in enumerate(segments)]
            if start is None:
                # Taken from the end without a look at `after`.
                records = [each for each in records if all(each.position > place.position for place in places)]
            pages[wanted] = SegmentPage(records, total, self._loaders.cursors)
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


class _Place(NamedTuple):
    """Where a cursor of segments points."""

    transcript_id: str
    position: int


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
