"""Which tables are there? The one definition of each; migrations are checked against it, writes are built from it.

Names and columns are the seeds' (001), with the rules of seed 003: UUID keys, `TIMESTAMPTZ`, `created_at` and
`updated_at` everywhere. Ours beyond the seeds: `documents` (seed 000 names its file and no columns) and
`assessments.grades_released_at`. Row policies stand in the migrations, since SQLAlchemy has no words for them.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Numeric,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

metadata = SQLModel.metadata


def _id() -> Any:
    return Field(
        default_factory=uuid4, primary_key=True, sa_column_kwargs={"server_default": text("gen_random_uuid()")}
    )


def _now() -> Any:
    """A time that the database fills in."""
    return Field(
        default=None,
        nullable=False,
        sa_type=cast("Any", DateTime(timezone=True)),
        sa_column_kwargs={"server_default": text("now()")},
    )


def _at(*, nullable: bool = True) -> Any:
    return Field(default=None, nullable=nullable, sa_type=cast("Any", DateTime(timezone=True)))


def _text(*, nullable: bool = True) -> Any:
    return Field(default=None, nullable=nullable, sa_type=Text)


def _reference(column: str, *, cascade: bool = False, nullable: bool = False) -> Any:
    if cascade:
        return Field(default=None, nullable=nullable, foreign_key=column, ondelete="CASCADE")
    return Field(default=None, nullable=nullable, foreign_key=column)


class User(SQLModel, table=True):
    """A person with an account, or a program that acts as one (role service)."""

    __tablename__ = "users"
    __table_args__ = (Index("idx_users_email", "email"), Index("idx_users_role", "role"))
    id: UUID = _id()
    email: str = Field(max_length=255, unique=True)
    password_hash: str = Field(max_length=255)
    name: str | None = Field(default=None, max_length=100)
    role: str = Field(default="student", max_length=20, sa_column_kwargs={"server_default": "student"})
    avatar_url: str | None = Field(default=None, max_length=500)
    last_login: datetime | None = _at()
    is_active: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    created_at: datetime = _now()
    updated_at: datetime = _now()


class Classroom(SQLModel, table=True):
    """A classroom and the teacher who answers for it."""

    __tablename__ = "classrooms"
    id: UUID = _id()
    name: str = Field(max_length=200)
    description: str | None = _text()
    subject: str | None = Field(default=None, max_length=100)
    teacher_id: UUID = _reference("users.id")
    join_code: str | None = Field(default=None, max_length=8, unique=True)
    is_active: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    created_at: datetime = _now()
    updated_at: datetime = _now()


class ClassroomMember(SQLModel, table=True):
    """Who belongs to a classroom, and as what; the teacher too."""

    __tablename__ = "classroom_members"
    __table_args__ = (
        UniqueConstraint("classroom_id", "user_id"),
        Index("idx_classroom_members_user", "user_id"),
        Index("idx_classroom_members_classroom", "classroom_id", "joined_at", "id"),
    )
    id: UUID = _id()
    classroom_id: UUID = _reference("classrooms.id", cascade=True)
    user_id: UUID = _reference("users.id", cascade=True)
    role: str = Field(default="student", max_length=20, sa_column_kwargs={"server_default": "student"})
    joined_at: datetime = _now()
    created_at: datetime = _now()
    updated_at: datetime = _now()


class Meeting(SQLModel, table=True):
    """A lesson at a time."""

    __tablename__ = "meetings"
    __table_args__ = (
        Index("idx_meetings_classroom", "classroom_id", "scheduled_at", "id"),
        Index("idx_meetings_scheduled", "scheduled_at"),
    )
    id: UUID = _id()
    classroom_id: UUID = _reference("classrooms.id")
    title: str | None = Field(default=None, max_length=200)
    description: str | None = _text()
    scheduled_at: datetime = _at(nullable=False)
    duration_minutes: int = Field(default=60, sa_column_kwargs={"server_default": text("60")})
    status: str = Field(default="scheduled", max_length=20, sa_column_kwargs={"server_default": "scheduled"})
    meeting_url: str | None = Field(default=None, max_length=500)
    created_by: UUID | None = _reference("users.id", nullable=True)
    created_at: datetime = _now()
    updated_at: datetime = _now()


class Recording(SQLModel, table=True):
    """A recorded lesson; `file_url` holds the key of its object."""

    __tablename__ = "recordings"
    __table_args__ = (Index("idx_recordings_meeting", "meeting_id"),)
    id: UUID = _id()
    meeting_id: UUID = _reference("meetings.id")
    file_url: str = Field(max_length=500)
    duration_seconds: int | None = Field(default=None)
    file_size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    transcript: str | None = _text()
    summary: str | None = _text()
    created_at: datetime = _now()
    updated_at: datetime = _now()


class Assessment(SQLModel, table=True):
    """A quiz, an exam or an assignment."""

    __tablename__ = "assessments"
    __table_args__ = (Index("idx_assessments_classroom", "classroom_id", "created_at", "id"),)
    id: UUID = _id()
    classroom_id: UUID = _reference("classrooms.id")
    title: str = Field(max_length=200)
    description: str | None = _text()
    type: str = Field(max_length=20)
    total_points: int
    due_date: datetime | None = _at()
    time_limit_minutes: int | None = Field(default=None)
    is_proctored: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    created_by: UUID | None = _reference("users.id", nullable=True)
    grades_released_at: datetime | None = _at()
    created_at: datetime = _now()
    updated_at: datetime = _now()


class AssessmentQuestion(SQLModel, table=True):
    """One question of an assessment."""

    __tablename__ = "assessment_questions"
    __table_args__ = (Index("idx_assessment_questions_assessment", "assessment_id", "order_index"),)
    id: UUID = _id()
    assessment_id: UUID = _reference("assessments.id", cascade=True)
    question_text: str = _text(nullable=False)
    question_type: str = Field(max_length=20)
    points: int
    options: list[str] | None = Field(default=None, sa_type=JSONB)
    correct_answer: str | None = _text()
    order_index: int
    created_at: datetime = _now()
    updated_at: datetime = _now()


class Submission(SQLModel, table=True):
    """What one learner handed in: `answers` maps question ids to values."""

    __tablename__ = "submissions"
    __table_args__ = (UniqueConstraint("assessment_id", "user_id"), Index("idx_submissions_user", "user_id"))
    id: UUID = _id()
    assessment_id: UUID = _reference("assessments.id")
    user_id: UUID = _reference("users.id")
    answers: dict[str, str] = Field(sa_type=JSONB)
    score: Decimal | None = Field(default=None, sa_type=cast("Any", Numeric(5, 2)))
    submitted_at: datetime = _now()
    graded_at: datetime | None = _at()
    graded_by: UUID | None = _reference("users.id", nullable=True)
    feedback: str | None = _text()
    created_at: datetime = _now()
    updated_at: datetime = _now()


class Document(SQLModel, table=True):
    """An uploaded document of a classroom; `object_key` says where its bytes are, `status` how far it is indexed."""

    __tablename__ = "documents"
    __table_args__ = (Index("idx_documents_classroom", "classroom_id", "created_at", "id"),)
    id: UUID = _id()
    classroom_id: UUID | None = _reference("classrooms.id", cascade=True, nullable=True)
    uploaded_by: UUID | None = _reference("users.id", nullable=True)
    filename: str = Field(max_length=255)
    document_type: str = Field(default="material", max_length=50, sa_column_kwargs={"server_default": "material"})
    content_type: str = Field(max_length=100)
    size_bytes: int = Field(sa_type=BigInteger)
    object_key: str = Field(max_length=500, unique=True)
    status: str = Field(default="uploading", max_length=20, sa_column_kwargs={"server_default": "uploading"})
    page_count: int | None = Field(default=None)
    chunk_count: int | None = Field(default=None)
    created_at: datetime = _now()
    updated_at: datetime = _now()


class Outbox(SQLModel, table=True):
    """An event that waits to be published, or that was. `log_offset` is its offset in its partition of the log."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_unpublished", "position", postgresql_where=text("published_at is null")),
        Index("outbox_log", "topic", "partition", "log_offset", postgresql_where=text("log_offset is not null")),
    )
    position: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True, nullable=False)
    )
    event_id: UUID = Field(sa_column=Column(Uuid, nullable=False, unique=True))
    topic: str = Field(sa_column=Column(Text, nullable=False))
    partition: int = Field(sa_column=Column(Integer, nullable=False))
    key: str = Field(sa_column=Column(Text, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    published_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    log_offset: int | None = Field(default=None, sa_column=Column(BigInteger))
    created_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()"))
    )
