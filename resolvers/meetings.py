"""What happens in a meeting? Its recordings, what was said and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from loaders.accounts import Accounts, UserRecord
from loaders.classrooms import ClassroomRecord
from loaders.cursor import InvalidCursor
from loaders.meetings import (
    MeetingRecord,
    Meetings,
    RecordingRecord,
    SegmentPage,
    SegmentRecord,
    TranscriptRecord,
)
from loaders.page import PageRequest, Pages
from resolvers.degrading import degrades_with
from resolvers.errors import NotFound
from resolvers.links import signed
from resolvers.operation import Operation

__all__ = ["MeetingRecord", "RecordingRecord", "SegmentRecord", "TranscriptRecord"]


class SegmentKey(NamedTuple):
    """Which segment: its transcript and its place in it."""

    transcript_id: str
    position: int


def transcript_key(text: str) -> str:
    """A transcript's key. Raises ValueError for a text that is none."""
    if len(text) != 24 or not all(each in "0123456789abcdef" for each in text):
        raise ValueError(text)
    return text


def segment_key(text: str) -> SegmentKey:
    """A segment's key. Raises ValueError for a text that is none."""
    transcript, _, position = text.partition(":")
    if not position.isdecimal() or len(position) > 6 or str(int(position)) != position:
        raise ValueError(text)
    return SegmentKey(transcript_key(transcript), int(position))


@degrades_with(Meetings.meetings_by_id)
async def by_ids(operation: Operation, ids: Sequence[UUID]) -> list[MeetingRecord | None]:
    """Meetings that the viewer may know of."""
    return await operation.loaders.meetings.meetings_by_id(ids)


@degrades_with(Meetings.recordings_by_id)
async def recordings_by_ids(operation: Operation, ids: Sequence[UUID]) -> list[RecordingRecord | None]:
    """Recordings that the viewer may know of."""
    return await operation.loaders.meetings.recordings_by_id(ids)


@degrades_with(Meetings.transcripts_by_id)
async def transcripts_by_ids(operation: Operation, ids: Sequence[str]) -> list[TranscriptRecord | None]:
    """Transcripts that the viewer may know of."""
    return await operation.loaders.meetings.transcripts_by_id(ids, ())


@degrades_with(Meetings.segments_by_position)
async def segments_by_ids(operation: Operation, ids: Sequence[SegmentKey]) -> list[SegmentRecord | None]:
    """Single segments of transcripts that the viewer may know of."""
    return await operation.loaders.meetings.segments_by_position(ids)


@degrades_with(Meetings.meetings_by_classroom_id)
async def by_classrooms(
    operation: Operation, classrooms: Sequence[ClassroomRecord], request: PageRequest
) -> Pages[MeetingRecord]:
    """One page of each classroom's meetings."""
    return await operation.loaders.meetings.meetings_by_classroom_id([each.id for each in classrooms], request)


@degrades_with(Meetings.recordings_by_meeting_id)
async def recordings(operation: Operation, meetings: Sequence[MeetingRecord]) -> list[list[RecordingRecord]]:
    """All recordings of each meeting."""
    return await operation.loaders.meetings.recordings_by_meeting_id([each.id for each in meetings])


@degrades_with(signed)
async def download_links(operation: Operation, recordings: Sequence[RecordingRecord]) -> list[str]:
    """A signed link to each recording's file."""
    return await signed(operation, [each.key for each in recordings])


@degrades_with(Meetings.transcripts_by_meeting_id)
async def transcripts(
    operation: Operation, meetings: Sequence[MeetingRecord], slices: Sequence[PageRequest]
) -> list[TranscriptRecord | None]:
    """Each meeting's transcript, with the slices of its segments that are asked for below."""
    return await operation.loaders.meetings.transcripts_by_meeting_id([each.id for each in meetings], slices)


@degrades_with(Meetings.transcripts_by_id)
async def segments(
    operation: Operation, transcripts: Sequence[TranscriptRecord], request: PageRequest
) -> list[SegmentPage | InvalidCursor]:
    """A slice of each transcript: the one that came with it, or read now where it came another way."""
    missing = [each for each in transcripts if request not in each.slices]
    pages: dict[str, SegmentPage | InvalidCursor] = {}
    if missing:
        read = await operation.loaders.meetings.transcripts_by_id([each.id for each in missing], [request])
        pages = {each.id: each.slices[request] for each in read if each is not None}
    return [each.slices[request] if request in each.slices else pages[each.id] for each in transcripts]


@degrades_with(Accounts.users_by_id)
async def speakers(operation: Operation, segments: Sequence[SegmentRecord]) -> list[UserRecord | NotFound | None]:
    """Who spoke, where it is somebody with an account whom the viewer may know of."""
    ids = [each.speaker_id for each in segments if each.speaker_id is not None]
    if not ids:
        return [None] * len(segments)
    found = dict(zip(ids, await operation.loaders.accounts.users_by_id(ids), strict=True))
    return [None if each.speaker_id is None else found[each.speaker_id] or NotFound() for each in segments]
