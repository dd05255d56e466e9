"""Is there a school in these stores yet, and since when?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datadir.postgresql.record import Row
from datadir.scope import SYSTEM

if TYPE_CHECKING:
    from datadir.stores import Stores


class FoundedRecord(Row):
    """When something was made."""

    __slots__ = ()
    created_at: datetime


async def account_exists(stores: Stores, user_id: UUID) -> bool:
    """Whether this account has been written. One store call."""
    rows = await stores.postgresql.lease(SYSTEM).fetch(
        FoundedRecord, "select created_at from users where id = $1", user_id
    )
    return bool(rows)


async def classroom_made_at(stores: Stores, classroom_id: UUID) -> datetime | None:
    """When this classroom was made, None where it has not been. One store call."""
    rows = await stores.postgresql.lease(SYSTEM).fetch(
        FoundedRecord, "select created_at from classrooms where id = $1", classroom_id
    )
    return rows[0].created_at if rows else None
