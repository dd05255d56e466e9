"""Which tables hold soft skills? Evaluations of learners (seed 000 names the file and no columns)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import identity, now, reference


class SoftSkillEvaluation(SQLModel, table=True):
    """What somebody showed in one session. `skills` are [{"name", "score" of 0 to 100, "feedback"}], `overall_score`
    is their mean, `recording_key` the key of an object."""

    __tablename__ = "soft_skill_evaluations"
    __table_args__ = (Index("idx_soft_skill_evaluations_user", "user_id", "evaluated_at", "id"),)
    id: UUID = identity()
    user_id: UUID = reference("users.id")
    session_type: str = Field(max_length=50)
    overall_score: float
    skills: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    recording_key: str | None = Field(default=None, max_length=500)
    evaluated_by: UUID | None = reference("users.id", nullable=True)
    evaluated_at: datetime = now()
    created_at: datetime = now()
    updated_at: datetime = now()
