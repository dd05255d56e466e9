"""What may a viewer reach? The scope that every store reads with, made once per operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from datadir.scope import Scope
from loaders.accounts import memberships

if TYPE_CHECKING:
    from datadir.postgresql.lease import Lease

# What an account may be; `system` is the program itself and nobody logs in as that.
ROLES: Final = frozenset({"student", "teacher", "admin", "service"})
# Member roles that own a classroom, whatever the account's role.
TEACHING: Final = frozenset({"teacher", "assistant"})


async def scope_of(lease: Lease, user_id: UUID, role: str) -> Scope:
    """The scope of an account: its classrooms, and those it teaches. `lease` is the account's, without classrooms."""
    rows = await memberships(lease, user_id)
    return Scope(
        user_id=user_id,
        role=role,
        classroom_ids=tuple(row.classroom_id for row in rows),
        taught_ids=tuple(row.classroom_id for row in rows if row.role in TEACHING),
    )
