"""What is a meeting, outside? Its recordings and its transcript."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry import UNSET

from graph.execution.edge import MONGODB, NO_CALLS, POSTGRESQL, edge, edge_with, leaf
from graph.types.accounts import User
from graph.types.node import Node
from graph.types.paging import (
    After,
    Before,
    Connection,
    DateTimeFilter,
    First,
    Last,
    OrderDirection,
    StringFilter,
    page_request,
)
from graph.types.scalars import BigInt
from resolvers import meetings
from resolvers.audit import Concern


@strawberry.enum(description="Where a meeting stands.")
class MeetingStatus(Enum):
    """Meeting states, as the seeds store them."""

    SCHEDULED = strawberry.enum_value("scheduled", description="It will take place.")
    LIVE = strawberry.enum_value("live", description="It is taking place.")
    ENDED = strawberry.enum_value("ended", description="It is over.")
    CANCELLED = strawberry.enum_value("cancelled", description="It will not take place.")


@strawberry.input(description="Where a meeting must stand.")
class MeetingStatusFilter:
    """Operators on meeting states."""

    eq: MeetingStatus | None = strawberry.field(default=UNSET, description="Exactly this.")
    in_: list[MeetingStatus] | None = strawberry.field(default=UNSET, name="in", description="One of these.")


@strawberry.input(description="Which meetings.")
class MeetingFilter:
    """All that is given must hold."""

    status: MeetingStatusFilter | None = strawberry.field(default=UNSET, description="By where they stand.")
    scheduled_at: DateTimeFilter | None = strawberry.field(default=UNSET, description="By their time.")
    title: StringFilter | None = strawberry.field(default=UNSET, description="By title.")
    and_: list["MeetingFilter"] | None = strawberry.field(default=UNSET, name="and", description="All of these.")
    or_: list["MeetingFilter"] | None = strawberry.field(default=UNSET, name="or", description="One of these.")
    not_: "MeetingFilter | None" = strawberry.field(default=UNSET, name="not", description="Not this.")


@strawberry.enum(description="What meetings can be ordered by.")
class MeetingOrderField(Enum):
    """Columns of the meetings list."""

    SCHEDULED_AT = strawberry.enum_value("SCHEDULED_AT", description="Their time.")
    CREATED_AT = strawberry.enum_value("CREATED_AT", description="When they were planned.")


@strawberry.input(description="One term of an order of meetings.")
class MeetingOrder:
    """Field and direction."""

    field: MeetingOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")


@strawberry.type(description="A recorded meeting.")
class Recording(Node):
    """Source: PostgreSQL `recordings`, object storage for its bytes."""

    record = meetings.RecordingRecord
    by_keys = meetings.recordings_by_ids

    duration_seconds: int | None = leaf("How long it is, in seconds.")
    file_size_bytes: BigInt | None = leaf("How large its file is, in bytes.")
    summary: str | None = leaf("What it is about.")
    created_at: datetime = leaf("When it was added.")
    download_url: str | None = edge(
        meetings.download_links, "A signed link to its file; it ends after 15 minutes.", calls=NO_CALLS
    )


@strawberry.type(description="One stretch of speech.")
class TranscriptSegment(Node):
    """Source: MongoDB `transcripts.segments`."""

    record = meetings.SegmentRecord
    by_keys = meetings.segments_by_ids
    concerns = Concern("Transcript", "transcript_id")  # one talk, not a thousand sentences
    key = meetings.segment_key
    store = "mongodb"

    speaker_name: str = leaf("Who spoke, as it was written down.")
    start_time: float = leaf("When it begins, in seconds from the meeting's start.")
    end_time: float = leaf("When it ends, in seconds from the meeting's start.")
    text: str = leaf("What was said.")
    confidence: float | None = leaf("How sure the transcription is, 0 to 1.")
    speaker: User | None = edge(meetings.speakers, "Who spoke, where it is somebody with an account.", calls=POSTGRESQL)


@strawberry.type(description="What was said in a meeting.")
class Transcript(Node):
    """Source: MongoDB `transcripts`."""

    record = meetings.TranscriptRecord
    by_keys = meetings.transcripts_by_ids
    key = meetings.transcript_key
    store = "mongodb"

    language: str = leaf("Its language, ISO 639-1.")
    word_count: int = leaf("How many words were said.")
    duration_seconds: float | None = leaf("How long it is, in seconds.")
    created_at: datetime = leaf("When it was written.")

    @edge_with(meetings.segments, calls=MONGODB)
    @staticmethod
    def segments(
        first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> Connection[TranscriptSegment] | None:
        """What was said, in the order of speaking."""
        return page_request(first, after, last, before)


@strawberry.type(description="A lesson at a time.")
class Meeting(Node):
    """Source: PostgreSQL `meetings`."""

    record = meetings.MeetingRecord
    by_keys = meetings.by_ids

    title: str | None = leaf("What it is called.")
    description: str | None = leaf("What it is about.")
    scheduled_at: datetime = leaf("When it begins.")
    duration_minutes: int = leaf("How long it is planned to be, in minutes.")
    status: MeetingStatus = leaf("Where it stands.")
    meeting_url: str | None = leaf("Where it takes place.")
    created_at: datetime = leaf("When it was planned.")
    recordings: list[Recording] | None = edge(
        meetings.recordings, "Its recordings, oldest first.", calls=POSTGRESQL, many=5
    )
    transcript: Transcript | None = edge(
        meetings.transcripts,
        "What was said; null where it was not written down.",
        calls=MONGODB,
        includes="segments",
    )
