"""Which tables hold talks with the tutor? Sessions, their messages, what was learned about a session."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import EMBEDDING, Vector, identity, long_text, now, reference


class TutorSession(SQLModel, table=True):
    """A learner's talk with the tutor (`AIChat` in seed 002), found again by an embedding that the caller brings."""

    __tablename__ = "tutor_sessions"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        Index("idx_tutor_sessions_user", "user_id", "updated_at", "id"),
    )
    id: UUID = identity()
    user_id: UUID = reference("users.id", cascade=True)
    title: str | None = Field(default=None, max_length=200)
    subject: str | None = Field(default=None, max_length=100)
    context_vector: list[float] | None = Field(default=None, sa_type=cast("Any", Vector(EMBEDDING)))
    created_at: datetime = now()
    updated_at: datetime = now()


class TutorMessage(SQLModel, table=True):
    """One message. Seed 002 keeps them in an array of the session, which is written whole for each new one.

    `citations` are [{"id": the passage's key, "score": how near it was}]."""

    __tablename__ = "tutor_messages"
    __table_args__ = (Index("idx_tutor_messages_session", "session_id", "created_at", "id"),)
    id: UUID = identity()
    session_id: UUID = reference("tutor_sessions.id", cascade=True)
    role: str = Field(max_length=20)
    content: str = long_text(nullable=False)
    citations: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    created_at: datetime = now()
    updated_at: datetime = now()


class SessionIntelligence(SQLModel, table=True):
    """What the answering service learned about a session. The learner stands here again, and cannot be another than
    the session's, because teachers may read this and not the session."""

    __tablename__ = "session_intelligence"
    __table_args__ = (
        ForeignKeyConstraint(
            ["session_id", "user_id"], ["tutor_sessions.id", "tutor_sessions.user_id"], ondelete="CASCADE"
        ),
        Index("idx_session_intelligence_user", "user_id"),
    )
    session_id: UUID = Field(primary_key=True)
    user_id: UUID
    topic: str | None = Field(default=None, max_length=200)
    summary: str | None = long_text()
    confusion_score: float | None = Field(default=None)
    created_at: datetime = now()
    updated_at: datetime = now()
