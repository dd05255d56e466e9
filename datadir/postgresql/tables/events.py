"""Which tables hold events? The outbox, where they wait to be published, and the keys that open what is personal."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import now, only


class Outbox(SQLModel, table=True):
    """An event that waits to be published, or that was. `log_offset` is its offset in its partition of the log; fields
    of `payload` that are personal are sealed (`datadir/kafka/events.md`)."""

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
    version: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default=text("1")))


class LearnerKey(SQLModel, table=True):
    """What opens the personal texts of one learner's events: a key of 256 bits, closed under a key made of the
    process's secret that `wrapped_by` names. `id` is what sealed texts name."""

    __tablename__ = "learner_keys"
    user_id: UUID = only("users.id")
    id: UUID = Field(default_factory=uuid4, unique=True, sa_column_kwargs={"server_default": text("gen_random_uuid()")})
    wrapped_key: bytes
    wrapped_by: str = Field(max_length=16)
    created_at: datetime = now()
    updated_at: datetime = now()
