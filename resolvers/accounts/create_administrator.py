"""Who is the first administrator? Whoever has a shell on the server says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from datadir.scope import SYSTEM
from loaders.account_changes import NewAccount, insert_account
from loaders.audit_log import AuditRow, append
from resolvers.accounts import checks
from resolvers.problem import Problem, problem

if TYPE_CHECKING:
    from datadir.stores import Stores
    from resolvers.passwords import Passwords


async def create_administrator(
    stores: Stores, passwords: Passwords, email: str, password: str, name: str | None
) -> tuple[Problem, ...]:
    """Make an administrator's account, under the rules of every account; what is wrong with it, where something is."""
    address, wrong_address = checks.address(email)
    shown, wrong_name = checks.name(name, "name")
    wrong_password = checks.password_problem(password, address, "password")
    problems = tuple(each for each in (wrong_address, wrong_password, wrong_name) if each is not None)
    if problems:
        return problems
    password_hash = await passwords.hash(password)
    account = NewAccount(uuid4(), address, password_hash, shown, "admin", datetime.now(UTC))
    async with stores.postgresql.transaction(SYSTEM) as tx:
        if not await insert_account(tx, account):
            return (
                problem(
                    "EMAIL_TAKEN",
                    "There is an account with this e-mail address: an administrator can give it another role.",
                    "email",
                ),
            )
        # Of nobody with an account: whoever has a shell needs none.
        await append(tx, AuditRow(None, "createAdministrator", subjects=[f"User:{account.id}"], fields=["User.role"]))
    await stores.audit.write([])
    return ()
