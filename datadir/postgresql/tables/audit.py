"""Which table holds the audit log? One row for each operation that read or changed somebody else's records."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import now, word


def _words() -> Column[list[str]]:
    return Column(ARRAY(Text), nullable=False, server_default=text("'{}'"))


class AuditLog(SQLModel, table=True):
    """Who did what to whose records. Never changed and never taken away, so without the `updated_at` that every other
    table has; of nobody's account, so that it outlives each. `position`, `created_at`, `previous` and `hash` are made
    by the database. `subjects` are "Type:key"."""

    __tablename__ = "audit_log"
    __table_args__ = (
        CheckConstraint("action ~ '^[A-Za-z]+$'", name="audit_log_action"),
        CheckConstraint("operation ~ '^[0-9A-Z_a-z]*$'", name="audit_log_operation"),
        CheckConstraint("request_id ~ '^[0-9A-Za-z-]*$'", name="audit_log_request"),
        CheckConstraint("outcome in ('done', 'refused')", name="audit_log_outcome"),
        CheckConstraint("array_to_string(subjects, '') ~ '^[0-9A-Z_a-z:-]*$'", name="audit_log_subjects"),
        CheckConstraint("array_to_string(fields, '') ~ '^[0-9A-Z_a-z.]*$'", name="audit_log_fields"),
        Index("idx_audit_log_actor", "actor_id", "position"),
        Index("idx_audit_log_subjects", "subjects", postgresql_using="gin"),
    )
    id: UUID = Field(default_factory=uuid4, unique=True, sa_column_kwargs={"server_default": text("gen_random_uuid()")})
    position: int | None = Field(
        default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False, nullable=False)
    )
    created_at: datetime = now()
    actor_id: UUID | None = Field(default=None)
    action: str = Field(max_length=50)
    operation: str = word("", 100)
    request_id: str = word("", 64)
    outcome: str = word("done")
    subjects: list[str] = Field(default_factory=list, sa_column=_words())
    fields: list[str] = Field(default_factory=list, sa_column=_words())
    previous: str = Field(max_length=64, unique=True)
    hash: str = Field(max_length=64)
