"""How is the audit log read, and how does a row get into a transaction? One statement a page, one for all rows.

What is to be written apart from any transaction goes to `Stores.audit`, which writes it together with others'.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from datadir.postgresql.audit_log import AuditRow, append
from datadir.postgresql.record import Row
from loaders.by_key import one_by_key
from loaders.degrading import Degrades, degrades
from loaders.page import Listing, Order, OrderColumn, Page, PageRequest, root_page

if TYPE_CHECKING:
    from loaders import Loaders

__all__ = ["AUDIT_LOG", "AuditRecord", "AuditRow", "append", "audit_rows", "audit_rows_by_id"]


class AuditRecord(Row):
    """What somebody read or did. `subjects` are "Type:key", `fields` "Type.field"."""

    __slots__ = ()
    id: UUID
    position: int
    at: datetime
    actor_id: UUID | None
    action: str
    operation: str | None
    request_id: str | None
    outcome: str
    subjects: list[str]
    fields: list[str]


_ROW: Final = (
    "a.id, a.position, a.created_at as at, a.actor_id, a.action, nullif(a.operation, '') as operation, "
    "nullif(a.request_id, '') as request_id, a.outcome, a.subjects, a.fields"
)

AUDIT_LOG: Final = Listing(
    name="audit_log",
    select=_ROW,
    source="audit_log a",
    id="a.id",
    # Its own order, in which no two rows are equal.
    default_order=(Order("POSITION", descending=True),),
    orders={"POSITION": OrderColumn("a.position", "bigint", "position")},
    filters={
        "actorId": ("a.actor_id", "uuid"),
        "subjectId": ("a.subjects", "text[]"),
        "action": ("a.action", "text"),
        "at": ("a.created_at", "timestamptz"),
    },
)


@degrades(Degrades.NULL)
async def audit_rows(loaders: Loaders, request: PageRequest) -> Page[AuditRecord]:
    """One page of the log. Raises InvalidCursor."""
    return await root_page(loaders, AUDIT_LOG, AuditRecord, request)


@degrades(Degrades.NULL)
async def audit_rows_by_id(loaders: Loaders, ids: Sequence[UUID]) -> list[AuditRecord | None]:
    """Rows in the order of the ids."""
    return await one_by_key(loaders, AuditRecord, f"select {_ROW} from audit_log a where a.id = any($1::uuid[])", ids)
