"""How does a row of the audit log come to be, and how is it checked? Written by an insert, hashed by the database.

The trigger of `012_audit_log_schema.sql` gives each row its position, its moment, the hash of the row before and its
own hash, one transaction at a time. `hash_of` computes the same from what a row says: SHA-256, in hexadecimal, of the
UTF-8 of these lines: previous hash, position, id, moment in microseconds since 1970, actor, action, operation, request,
outcome, number of subjects, subjects with commas between them, number of fields, fields with commas between them. No
value can hold a comma or the end of a line: the table's checks see to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID, uuid4

import orjson

from datadir.postgresql.record import Row

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction

NOTHING_BEFORE: Final = "0" * 64
"""What the first row has in place of the hash of the row before."""
LONGEST_OPERATION: Final = 100

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class AuditRow(NamedTuple):
    """What happened: who (None: nobody with an account) did what. `subjects` are "Type:key", `fields` "Type.field".

    `operation` is the operation's name or empty, `request_id` the one that the log of operations has. Ids and words of
    the schema, never a value: the table takes nothing else."""

    actor_id: UUID | None
    action: str
    operation: str = ""
    request_id: str = ""
    outcome: str = "done"
    subjects: Sequence[str] = ()
    fields: Sequence[str] = ()


class ChainedRecord(Row):
    """A row as it rests."""

    __slots__ = ()
    id: UUID
    position: int
    created_at: datetime
    actor_id: UUID | None
    action: str
    operation: str
    request_id: str
    outcome: str
    subjects: list[str]
    fields: list[str]
    previous: str
    hash: str


class HeadRecord(Row):
    """A place in the chain."""

    __slots__ = ()
    position: int
    hash: str


ROWS: Final = f"select {', '.join(ChainedRecord.columns)} from audit_log"
# The row at $1, where there is one, and the last one; this comes last.
HEADS: Final = """
select position, hash from audit_log
where position = $1 or position = (select max(position) from audit_log) order by position
"""
COUNT: Final = "select count(*), coalesce(max(position), 0) from audit_log"

# One statement however many rows: each takes its place after the one before, in the order in which they are given.
_INSERT: Final = """
insert into audit_log (id, actor_id, action, operation, request_id, outcome, subjects, fields)
select id, actor_id, action, operation, request_id, outcome, subjects, fields
from rows from (jsonb_to_recordset($1::text::jsonb) as (
    id uuid, actor_id uuid, action text, operation text, request_id text, outcome text, subjects text[], fields text[]
)) with ordinality order by ordinality
"""


async def append(tx: Transaction, *rows: AuditRow) -> None:
    """Write rows into the caller's transaction, which no other that writes one passes until it ends: last in it, and
    soon. One store call. Without `returning`: whoever may write need not be able to read."""
    shapes = [{**row._asdict(), "id": uuid4(), "operation": row.operation[:LONGEST_OPERATION]} for row in rows]
    await tx.execute(_INSERT, orjson.dumps(shapes).decode())


def hash_of(row: ChainedRecord) -> str:
    """The hash that a row must have."""
    lines = (
        row.previous,
        row.position,
        row.id,
        (row.created_at - _EPOCH) // _MICROSECOND,
        row.actor_id or "",
        row.action,
        row.operation,
        row.request_id,
        row.outcome,
        len(row.subjects),
        ",".join(each or "" for each in row.subjects),
        len(row.fields),
        ",".join(each or "" for each in row.fields),
    )
    return sha256("\n".join(map(str, lines)).encode()).hexdigest()
