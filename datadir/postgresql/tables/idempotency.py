"""Which table holds what was done once? One: the key that somebody gave, and what they were answered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import long_text, now


class IdempotencyKey(SQLModel, table=True):
    """Something that somebody asked for under a key. The row is written in the transaction that does it: where there is
    a row, it was done. `fingerprint` says what was asked, `answer` is the JSON of what was answered, as it was sent,
    since the order of its fields counts; null until it is there.

    A row counts for a day from `created_at`. Nothing sweeps at a certain hour: whoever keeps an answer takes a few rows
    along that are older, whoever's they are."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idx_idempotency_keys_created", "created_at"),)
    user_id: UUID = Field(default=None, primary_key=True, nullable=False, foreign_key="users.id", ondelete="CASCADE")
    key: str = Field(max_length=200, primary_key=True)
    fingerprint: str = Field(max_length=64)
    answer: str | None = long_text()
    created_at: datetime = now()
    updated_at: datetime = now()
