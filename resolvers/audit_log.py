"""What does the audit log say, and to whom? To administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from loaders.accounts import UserRecord
from loaders.audit_log import AuditRecord, audit_rows, audit_rows_by_id
from loaders.page import Page, PageRequest
from resolvers.access.governance import reads_audit_log
from resolvers.accounts.people import by_ids as people_by_ids
from resolvers.degrading import degrades_with
from resolvers.operation import Operation

__all__ = ["AuditRecord", "Subject", "actors", "by_ids", "page", "subjects"]


class Subject(NamedTuple):
    """What a row is about: the type and the key of a record, which need not be there any more."""

    kind: str
    key: str


@degrades_with(audit_rows)
async def page(operation: Operation, request: PageRequest) -> Page[AuditRecord]:
    """One page of the log. Raises Forbidden."""
    reads_audit_log(operation.scope)
    return await audit_rows(operation.loaders, request)


@degrades_with(audit_rows_by_id)
async def by_ids(operation: Operation, ids: Sequence[UUID]) -> list[AuditRecord | None]:
    """Rows that the viewer may know of."""
    return await audit_rows_by_id(operation.loaders, ids)


@degrades_with(people_by_ids)
async def actors(operation: Operation, rows: Sequence[AuditRecord]) -> list[UserRecord | None]:
    """Who did it, where that is an account that there still is."""
    known = list(dict.fromkeys(row.actor_id for row in rows if row.actor_id is not None))
    found = dict(zip(known, await people_by_ids(operation, known), strict=True)) if known else {}
    return [None if row.actor_id is None else found[row.actor_id] for row in rows]


def subjects(row: AuditRecord) -> list[Subject]:
    """What a row is about."""
    return [Subject(*each.split(":", 1)) for each in row.subjects]
