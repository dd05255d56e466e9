"""Which table holds background jobs? One: what is to be done, for whom, and how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, DateTime, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import identity, moment, now, number, word


class Job(SQLModel, table=True):
    """One thing to be done outside of a request. `owner` may see it; `payload` and `result` are the kind's own, and
    `message` says how far it is.

    It waits until `run_after`. Whoever runs it holds it by `locked_by` until `locked_until`, and longer by saying so
    again; a lease that is over is anybody's. `attempts` counts the runs that were begun, `error_code` says why the last
    one failed."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("status in ('queued', 'running', 'done', 'failed', 'cancelled')", name="jobs_status"),
        CheckConstraint("progress_percent between 0 and 100", name="jobs_progress_percent"),
        CheckConstraint(
            "(status = 'running') = (locked_by is not null and locked_until is not null)", name="jobs_lease"
        ),
        Index("idx_jobs_due", "run_after", "id", postgresql_where=text("status in ('queued', 'running')")),
        Index("idx_jobs_owner", "owner", "created_at", "id"),
    )
    id: UUID = identity()
    kind: str = Field(max_length=50)
    owner: UUID | None = Field(default=None, foreign_key="users.id", ondelete="SET NULL")
    payload: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    status: str = word("queued")
    progress_percent: int = number(0)
    message: str | None = Field(default=None, max_length=500)
    attempts: int = number(0)
    run_after: datetime = Field(
        default=None,
        nullable=False,
        sa_type=cast("Any", DateTime(timezone=True)),
        # Jobs of one transaction keep their order.
        sa_column_kwargs={"server_default": text("clock_timestamp()")},
    )
    locked_by: UUID | None = Field(default=None)
    locked_until: datetime | None = moment()
    error_code: str | None = Field(default=None, max_length=50)
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    started_at: datetime | None = moment()
    finished_at: datetime | None = moment()
    created_at: datetime = now()
    updated_at: datetime = now()
