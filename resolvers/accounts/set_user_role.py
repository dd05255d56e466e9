"""Who is a teacher, an administrator, a program? Administrators say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from loaders import account_changes, sessions
from resolvers.access.accounts import administers
from resolvers.accounts.people import by_ids
from resolvers.audit import audits, changed
from resolvers.degrading import degrades_with
from resolvers.errors import NotFound
from resolvers.operation import Operation
from resolvers.problem import Problem, problem
from resolvers.sessions import give_role

if TYPE_CHECKING:
    from collections.abc import Callable

    from loaders.accounts import UserRecord


class AccountChange(NamedTuple):
    """The account as it is now."""

    user: UserRecord | None
    errors: tuple[Problem, ...] = ()


@degrades_with(by_ids, give_role)
@audits("setUserRole")
async def set_user_role(operation: Operation, which: Callable[[], UUID], role: str) -> AccountChange:
    """Another role, which every session of the account has at once. `which` says whose, and is asked once it is clear
    that the viewer may do this at all. Raises Forbidden, NotFound."""
    administers(operation.scope)
    user_id, now = which(), operation.services.now()
    async with operation.writing(operation.scope) as tx:
        account = await sessions.held_account(tx, user_id)
        if account is None:
            raise NotFound
        if user_id == operation.scope.user_id and role != account.role:
            # The last administrator could not undo it.
            return AccountChange(None, (problem("INVALID_STATE", "Nobody changes their own role.", "userId"),))
        await account_changes.set_role(tx, user_id, role, now)
        await changed(operation, tx, "setUserRole", [user_id], ["User.role"])
        await give_role(operation.services, user_id, await sessions.standing(tx, user_id), role)
    return AccountChange((await by_ids(operation, [user_id]))[0])
