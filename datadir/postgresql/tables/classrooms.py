"""Which tables hold classrooms? Classrooms and who belongs to them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import flag, identity, long_text, now, reference, word


class Classroom(SQLModel, table=True):
    """A classroom and the teacher who answers for it."""

    __tablename__ = "classrooms"
    id: UUID = identity()
    name: str = Field(max_length=200)
    description: str | None = long_text()
    subject: str | None = Field(default=None, max_length=100)
    teacher_id: UUID = reference("users.id")
    join_code: str | None = Field(default=None, max_length=8, unique=True)
    is_active: bool = flag(True)
    created_at: datetime = now()
    updated_at: datetime = now()


class ClassroomMember(SQLModel, table=True):
    """Who belongs to a classroom, and as what; the teacher too."""

    __tablename__ = "classroom_members"
    __table_args__ = (
        UniqueConstraint("classroom_id", "user_id"),
        Index("idx_classroom_members_user", "user_id"),
        Index("idx_classroom_members_classroom", "classroom_id", "joined_at", "id"),
    )
    id: UUID = identity()
    classroom_id: UUID = reference("classrooms.id", cascade=True)
    user_id: UUID = reference("users.id", cascade=True)
    role: str = word("student")
    joined_at: datetime = now()
    created_at: datetime = now()
    updated_at: datetime = now()
