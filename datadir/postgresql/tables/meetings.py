"""Which tables hold meetings? Meetings and the rows of their recordings."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import identity, long_text, moment, now, number, reference, word


class Meeting(SQLModel, table=True):
    """A lesson at a time."""

    __tablename__ = "meetings"
    __table_args__ = (
        Index("idx_meetings_classroom", "classroom_id", "scheduled_at", "id"),
        Index("idx_meetings_scheduled", "scheduled_at"),
    )
    id: UUID = identity()
    classroom_id: UUID = reference("classrooms.id")
    title: str | None = Field(default=None, max_length=200)
    description: str | None = long_text()
    scheduled_at: datetime = moment(nullable=False)
    duration_minutes: int = number(60)
    status: str = word("scheduled")
    meeting_url: str | None = Field(default=None, max_length=500)
    created_by: UUID | None = reference("users.id", nullable=True)
    created_at: datetime = now()
    updated_at: datetime = now()


class Recording(SQLModel, table=True):
    """A recorded lesson; `file_url` holds the key of its object."""

    __tablename__ = "recordings"
    __table_args__ = (Index("idx_recordings_meeting", "meeting_id"),)
    id: UUID = identity()
    meeting_id: UUID = reference("meetings.id")
    file_url: str = Field(max_length=500)
    duration_seconds: int | None = Field(default=None)
    file_size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    transcript: str | None = long_text()
    summary: str | None = long_text()
    created_at: datetime = now()
    updated_at: datetime = now()
