"""Who comes in for the first time? Always as a student, whatever they say."""

from __future__ import annotations

from uuid import uuid4

from datadir.scope import SYSTEM
from loaders.account_changes import NewAccount, insert_account, logged_in
from loaders.sessions import HeldAccount, write_session
from resolvers.accounts import checks
from resolvers.accounts.begin_session import LogIn, begin_session
from resolvers.accounts.people import by_ids, viewer
from resolvers.attempts import admit_stranger
from resolvers.degrading import degrades_with
from resolvers.operation import Operation
from resolvers.problem import problem

ROLE = "student"


@degrades_with(write_session, by_ids)
async def register(operation: Operation, email: str, password: str, name: str | None) -> LogIn:
    """Make an account and open its first session. Raises RateLimited."""
    address, wrong_address = checks.address(email)
    shown, wrong_name = checks.name(name, "name")
    wrong_password = checks.password_problem(password, address, "password")
    problems = tuple(each for each in (wrong_address, wrong_password, wrong_name) if each is not None)
    if problems:
        return LogIn(errors=problems)
    await admit_stranger(operation, "register")
    services, now = operation.services, operation.services.now()
    password_hash = await services.passwords.hash(password)
    account = HeldAccount(uuid4(), address, ROLE, True, password_hash)
    async with operation.writing(SYSTEM) as tx:
        if not await insert_account(tx, NewAccount(account.id, address, password_hash, shown, ROLE, now)):
            return LogIn(errors=(problem("EMAIL_TAKEN", "There is an account with this e-mail address.", "email"),))
        await logged_in(tx, account.id, now, None)
        begun = await begin_session(operation, tx, account, now, remember_me=False)
    operation.become(begun.viewer)
    return LogIn(begun.access.text, begun.refresh.text, begun.access.expires_at, await viewer(operation))
