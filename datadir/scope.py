"""Whose eyes does a store read with?

`resolvers/access/` makes one `Scope` per operation; every lease, filter and cache key takes it. It is a word of the
lowest room that needs it: the PostgreSQL lease writes it into the transaction, where the row policies read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Scope:
    """What one viewer may reach, as data.

    `role` is the account's role in lower case as the seeds store it, or `system` for the program itself (demo data,
    background work), `anonymous` for nobody. `classroom_ids` are those the viewer is a member of, `taught_ids` those
    where the member role is teacher or assistant; both sorted. `login_email` opens the one account row whose
    password is being checked. `version` changes when the session or memberships do (cache keys carry it).
    """

    user_id: UUID | None = None
    role: str = "anonymous"
    classroom_ids: tuple[UUID, ...] = ()
    taught_ids: tuple[UUID, ...] = ()
    login_email: str | None = None
    version: int = 0

    @property
    def sees_all(self) -> bool:
        """Administrators and the program itself are not bound to classrooms."""
        return self.role in ("admin", "system")


ANONYMOUS = Scope()
SYSTEM = Scope(role="system")
