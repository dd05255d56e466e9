"""Which of one's own sessions ends, from wherever one is?"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from datadir.scope import SYSTEM
from loaders.sessions import held_account, revoke
from resolvers.accounts.people import current_session
from resolvers.degrading import degrades_with
from resolvers.errors import NotFound
from resolvers.operation import Operation, signed_in
from resolvers.problem import Problem
from resolvers.sessions import end


class RevokeSession(NamedTuple):
    """The key of the session that is over."""

    revoked_session_id: UUID | None
    errors: tuple[Problem, ...] = ()


@degrades_with(end)
async def revoke_session(operation: Operation, record_id: UUID) -> RevokeSession:
    """End one session of the viewer's. Raises NotFound for what is no session, is over, or is somebody else's."""
    viewer, here = signed_in(operation), current_session(operation)
    async with operation.writing(SYSTEM) as tx:
        await held_account(tx, viewer.user_id)
        if not await revoke(tx, viewer.user_id, operation.services.now(), only=record_id):
            raise NotFound
        await end(operation.services, viewer.user_id, [record_id])
    if record_id == here:
        operation.leave()
    return RevokeSession(record_id)
