"""Which tables hold what can be read and found? Rows of documents, and learners' notes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import EMBEDDING, Vector, identity, long_text, now, reference, word


class Document(SQLModel, table=True):
    """An uploaded document of a classroom; `object_key` says where its bytes are, `status` how far it is indexed. Seed
    000 names its file and no columns."""

    __tablename__ = "documents"
    __table_args__ = (Index("idx_documents_classroom", "classroom_id", "created_at", "id"),)
    id: UUID = identity()
    classroom_id: UUID | None = reference("classrooms.id", cascade=True, nullable=True)
    uploaded_by: UUID | None = reference("users.id", nullable=True)
    filename: str = Field(max_length=255)
    document_type: str = word("material", 50)
    content_type: str = Field(max_length=100)
    size_bytes: int = Field(sa_type=BigInteger)
    object_key: str = Field(max_length=500, unique=True)
    status: str = word("uploading")
    page_count: int | None = Field(default=None)
    chunk_count: int | None = Field(default=None)
    created_at: datetime = now()
    updated_at: datetime = now()


class Note(SQLModel, table=True):
    """A learner's own text, found again by an embedding that the caller brings (`Document` in seed 002)."""

    __tablename__ = "notes"
    __table_args__ = (Index("idx_notes_user", "user_id", "created_at", "id"),)
    id: UUID = identity()
    user_id: UUID = reference("users.id", cascade=True)
    type: str = Field(max_length=50)
    content: str = long_text(nullable=False)
    extra: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))
    )
    embedding: list[float] | None = Field(default=None, sa_type=cast("Any", Vector(EMBEDDING)))
    created_at: datetime = now()
    updated_at: datetime = now()
