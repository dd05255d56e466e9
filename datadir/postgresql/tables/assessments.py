"""Which tables hold assessments? Assessments, their questions, what was handed in."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Index, Numeric, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import flag, identity, long_text, moment, now, reference


class Assessment(SQLModel, table=True):
    """A quiz, an exam or an assignment. `grades_released_at` is ours: until then scores are the teachers' alone."""

    __tablename__ = "assessments"
    __table_args__ = (Index("idx_assessments_classroom", "classroom_id", "created_at", "id"),)
    id: UUID = identity()
    classroom_id: UUID = reference("classrooms.id")
    title: str = Field(max_length=200)
    description: str | None = long_text()
    type: str = Field(max_length=20)
    total_points: int
    due_date: datetime | None = moment()
    time_limit_minutes: int | None = Field(default=None)
    is_proctored: bool = flag(False)
    created_by: UUID | None = reference("users.id", nullable=True)
    grades_released_at: datetime | None = moment()
    created_at: datetime = now()
    updated_at: datetime = now()


class AssessmentQuestion(SQLModel, table=True):
    """One question of an assessment."""

    __tablename__ = "assessment_questions"
    __table_args__ = (Index("idx_assessment_questions_assessment", "assessment_id", "order_index"),)
    id: UUID = identity()
    assessment_id: UUID = reference("assessments.id", cascade=True)
    question_text: str = long_text(nullable=False)
    question_type: str = Field(max_length=20)
    points: int
    options: list[str] | None = Field(default=None, sa_type=JSONB)
    correct_answer: str | None = long_text()
    order_index: int
    created_at: datetime = now()
    updated_at: datetime = now()


class Submission(SQLModel, table=True):
    """What one learner handed in: `answers` maps question ids to values."""

    __tablename__ = "submissions"
    __table_args__ = (UniqueConstraint("assessment_id", "user_id"), Index("idx_submissions_user", "user_id"))
    id: UUID = identity()
    assessment_id: UUID = reference("assessments.id")
    user_id: UUID = reference("users.id")
    answers: dict[str, str] = Field(sa_type=JSONB)
    score: Decimal | None = Field(default=None, sa_type=cast("Any", Numeric(5, 2)))
    submitted_at: datetime = now()
    graded_at: datetime | None = moment()
    graded_by: UUID | None = reference("users.id", nullable=True)
    feedback: str | None = long_text()
    created_at: datetime = now()
    updated_at: datetime = now()
