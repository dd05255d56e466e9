"""Who comes in with address and password?"""

from __future__ import annotations

from typing import Final

from datadir.scope import SYSTEM
from loaders import account_changes
from loaders.accounts import credentials_by_email
from loaders.sessions import held_account, write_session
from resolvers.accounts.begin_session import LogIn, begin_session
from resolvers.accounts.checks import LONGEST_EMAIL, normalised, too_long
from resolvers.accounts.people import by_ids, viewer
from resolvers.attempts import admit_stranger
from resolvers.degrading import degrades_with
from resolvers.operation import Operation
from resolvers.passwords import LONGEST
from resolvers.problem import problem

__all__ = ["LogIn", "log_in"]

WRONG: Final = LogIn(errors=(problem("INVALID_CREDENTIALS", "No account has this e-mail address and password."),))


@degrades_with(credentials_by_email, write_session, by_ids)
async def log_in(operation: Operation, email: str, password: str, remember_me: bool) -> LogIn:
    """Check the password and open a session. An unknown address costs what a wrong password costs. Raises
    RateLimited."""
    for text, longest, path in ((email, LONGEST_EMAIL, "email"), (password, LONGEST, "password")):
        if len(text) > longest:
            return LogIn(errors=(too_long(longest, path),))
    services = operation.services
    address = normalised(email)
    await admit_stranger(operation, "logIn", address or email)
    known = await credentials_by_email(services.stores, address) if address else None
    right = await services.passwords.verify(known.password_hash if known else None, password)
    if known is None or not right or not known.is_active:
        return WRONG
    rehashed = await services.passwords.renewed(known.password_hash, password)
    now = services.now()
    async with operation.writing(SYSTEM) as tx:
        account = await held_account(tx, known.id)
        # While argon2 took its time, somebody may have changed the password or ended the account.
        if account is None or not account.is_active or account.password_hash != known.password_hash:
            return WRONG
        await account_changes.logged_in(tx, account.id, now, rehashed)
        begun = await begin_session(operation, tx, account, now, remember_me=remember_me)
    operation.become(begun.viewer)
    return LogIn(begun.access.text, begun.refresh.text, begun.access.expires_at, await viewer(operation))
