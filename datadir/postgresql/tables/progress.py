"""Which tables hold progress? Topics and how well they are mastered, scores, what is due for review."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Column, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import identity, moment, now, number, reference


class Topic(SQLModel, table=True):
    """What can be mastered. Seed 001 refers to topics and forgets their table."""

    __tablename__ = "topics"
    __table_args__ = (UniqueConstraint("subject", "name"),)
    id: UUID = identity()
    name: str = Field(max_length=200)
    subject: str = Field(max_length=100)
    created_at: datetime = now()
    updated_at: datetime = now()


class Progress(SQLModel, table=True):
    """How well a learner masters a topic, 0 to 1 (seed 001)."""

    __tablename__ = "progress"
    __table_args__ = (
        UniqueConstraint("user_id", "topic_id"),
        Index("idx_progress_user", "user_id", "last_activity", "id"),
        Index("idx_progress_topic", "topic_id"),
    )
    id: UUID = identity()
    user_id: UUID = reference("users.id")
    topic_id: UUID = reference("topics.id")
    mastery_level: Decimal = Field(
        default=Decimal(0), sa_type=cast("Any", Numeric(3, 2)), sa_column_kwargs={"server_default": text("0")}
    )
    time_spent_minutes: int = number(0)
    last_activity: datetime = now()
    created_at: datetime = now()
    updated_at: datetime = now()


class Score(SQLModel, table=True):
    """One result of a learner in a category (`Progress` in seed 002, a name that seed 001 has taken)."""

    __tablename__ = "scores"
    __table_args__ = (Index("idx_scores_user", "user_id", "at", "id"),)
    id: UUID = identity()
    user_id: UUID = reference("users.id")
    category: str = Field(max_length=100)
    score: float
    at: datetime = now()
    extra: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))
    )
    created_at: datetime = now()
    updated_at: datetime = now()


class StudyItem(SQLModel, table=True):
    """A flashcard, note or quiz that comes back at `next_review` (`StudyData` in seed 002)."""

    __tablename__ = "study_items"
    __table_args__ = (Index("idx_study_items_due", "user_id", "next_review", "id"),)
    id: UUID = identity()
    user_id: UUID = reference("users.id", cascade=True)
    type: str = Field(max_length=20)
    content: Any = Field(sa_column=Column(JSONB, nullable=False))
    progress: float = Field(default=0.0, sa_column_kwargs={"server_default": text("0")})
    last_reviewed: datetime | None = moment()
    next_review: datetime = now()
    created_at: datetime = now()
    updated_at: datetime = now()
