"""Whose account is ended? Its rows stay, nobody comes in with it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from loaders import account_changes, sessions
from resolvers.access.accounts import administers
from resolvers.accounts.people import by_ids
from resolvers.accounts.set_user_role import AccountChange
from resolvers.audit import audits, changed
from resolvers.degrading import degrades_with
from resolvers.errors import NotFound
from resolvers.operation import Operation
from resolvers.problem import problem
from resolvers.sessions import end

if TYPE_CHECKING:
    from collections.abc import Callable


@degrades_with(by_ids, end)
@audits("deactivateUser")
async def deactivate_user(operation: Operation, which: Callable[[], UUID]) -> AccountChange:
    """End an account and every session of it. `which` as in `set_user_role`. Raises Forbidden, NotFound."""
    administers(operation.scope)
    user_id, now = which(), operation.services.now()
    async with operation.writing(operation.scope) as tx:
        if await sessions.held_account(tx, user_id) is None:
            raise NotFound
        if user_id == operation.scope.user_id:
            return AccountChange(None, (problem("INVALID_STATE", "Nobody ends their own account here.", "userId"),))
        await account_changes.deactivate(tx, user_id, now)
        ended = await sessions.revoke(tx, user_id, now)
        await changed(operation, tx, "deactivateUser", [user_id], ["User.isActive", "User.sessions"])
        await end(operation.services, user_id, ended)
    return AccountChange((await by_ids(operation, [user_id]))[0])
