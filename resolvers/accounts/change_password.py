"""How does somebody who is logged in get another password? By saying the one that they have."""

from __future__ import annotations

from typing import NamedTuple

from datadir.scope import SYSTEM
from loaders import account_changes
from loaders.accounts import credentials_by_id
from loaders.sessions import held_account, revoke
from resolvers.accounts.checks import password_problem
from resolvers.accounts.people import current_session
from resolvers.attempts import admit_person
from resolvers.degrading import degrades_with
from resolvers.operation import Operation, signed_in
from resolvers.problem import Problem, problem
from resolvers.sessions import end


class PasswordChange(NamedTuple):
    """Whether there is another password now."""

    changed: bool | None
    errors: tuple[Problem, ...] = ()


_WRONG = PasswordChange(None, (problem("INVALID_CREDENTIALS", "This is not your password.", "currentPassword"),))


@degrades_with(credentials_by_id, end)
async def change_password(operation: Operation, current: str, new: str) -> PasswordChange:
    """Another password; every other session of the account ends, this one goes on. Raises RateLimited."""
    viewer, services = signed_in(operation), operation.services
    await admit_person(operation, "changePassword", viewer.user_id)
    known = await credentials_by_id(services.stores, viewer.user_id)
    if not await services.passwords.verify(known.password_hash if known else None, current) or known is None:
        return _WRONG
    wrong = password_problem(new, known.email, "newPassword")
    if wrong is not None:
        return PasswordChange(None, (wrong,))
    password_hash, now = await services.passwords.hash(new), services.now()
    async with operation.writing(SYSTEM) as tx:
        account = await held_account(tx, known.id)
        if account is None or account.password_hash != known.password_hash:
            return _WRONG
        await account_changes.set_password(tx, account.id, password_hash, now)
        ended = await revoke(tx, account.id, now, but=current_session(operation))
        await end(services, account.id, ended)
    return PasswordChange(True)
