"""Which tables hold courses? Courses, lessons, who takes them and how far they are (seed 004 names them all and gives
no columns)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Index, Numeric, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import identity, long_text, moment, now, number, only, reference, word


class Course(SQLModel, table=True):
    """A course and whoever teaches it; others see it when its status is published."""

    __tablename__ = "courses"
    __table_args__ = (
        Index("idx_courses_catalogue", "status", "created_at", "id"),
        Index("idx_courses_instructor", "instructor_id"),
    )
    id: UUID = identity()
    title: str = Field(max_length=200)
    description: str | None = long_text()
    difficulty: str = Field(max_length=20)
    status: str = word("draft")
    instructor_id: UUID = reference("users.id")
    created_at: datetime = now()
    updated_at: datetime = now()


class Lesson(SQLModel, table=True):
    """One lesson; two may stand at one position while they change places."""

    __tablename__ = "lessons"
    __table_args__ = (Index("idx_lessons_course", "course_id", "position", "id"),)
    id: UUID = identity()
    course_id: UUID = reference("courses.id", cascade=True)
    title: str = Field(max_length=200)
    content: str = long_text(nullable=False)
    position: int
    duration_minutes: int | None = Field(default=None)
    created_at: datetime = now()
    updated_at: datetime = now()


class Enrollment(SQLModel, table=True):
    """Who takes a course; one row a learner, also after leaving and coming back."""

    __tablename__ = "enrollments"
    __table_args__ = (
        UniqueConstraint("course_id", "user_id"),
        Index("idx_enrollments_user", "user_id", "enrolled_at", "id"),
        Index("idx_enrollments_course", "course_id", "enrolled_at", "id"),
    )
    id: UUID = identity()
    course_id: UUID = reference("courses.id")
    user_id: UUID = reference("users.id")
    status: str = word("active")
    progress_percent: Decimal = Field(
        default=Decimal(0), sa_type=cast("Any", Numeric(5, 2)), sa_column_kwargs={"server_default": text("0")}
    )
    enrolled_at: datetime = now()
    created_at: datetime = now()
    updated_at: datetime = now()


class UserProgress(SQLModel, table=True):
    """How far a learner is with one lesson."""

    __tablename__ = "user_progress"
    __table_args__ = (UniqueConstraint("user_id", "lesson_id"), Index("idx_user_progress_lesson", "lesson_id"))
    id: UUID = identity()
    user_id: UUID = reference("users.id")
    lesson_id: UUID = reference("lessons.id", cascade=True)
    completed_at: datetime | None = moment()
    time_spent_minutes: int = number(0)
    created_at: datetime = now()
    updated_at: datetime = now()


class CourseAnalytics(SQLModel, table=True):
    """What is counted over all learners of a course, as of `updated_at`; the rest is null before there is any."""

    __tablename__ = "course_analytics"
    course_id: UUID = only("courses.id")
    enrollment_count: int = number(0)
    completion_rate: float | None = Field(default=None)
    average_score: float | None = Field(default=None)
    average_time_minutes: float | None = Field(default=None)
    created_at: datetime = now()
    updated_at: datetime = now()
