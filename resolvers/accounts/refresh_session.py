"""How does a session go on when its access token has ended? By its refresh token, which is good once.

The next one comes with the answer. A token that was used before is in two hands, and one of them is a thief's: the
whole session ends, for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datadir.scope import SYSTEM
from loaders.sessions import (
    HeldAccount,
    KeptSession,
    held_account,
    kept_session,
    record_of,
    revoke,
    rotate,
    write_session,
)
from resolvers.accounts.begin_session import LogIn
from resolvers.attempts import admit_person
from resolvers.degrading import degrades_with
from resolvers.operation import Operation
from resolvers.problem import problem
from resolvers.sessions import end
from resolvers.tokens import TokenRefused, token_hash

if TYPE_CHECKING:
    from datetime import datetime


def _refused(*, expired: bool = False) -> LogIn:
    code, message = ("EXPIRED", "This token has expired.") if expired else ("INVALID_TOKEN", "This token is not valid.")
    return LogIn(errors=(problem(code, f"{message} Log in again.", "refreshToken"),))


@degrades_with(write_session, end)
async def refresh_session(operation: Operation, refresh_token: str) -> LogIn:
    """New tokens for the session of a refresh token; its hour in Redis begins anew, however long ago it was over.
    Raises RateLimited."""
    services, now = operation.services, operation.services.now()
    try:
        claims = services.tokens.refresh_claims(refresh_token)
    except TokenRefused as refused:
        return _refused(expired=refused.expired)
    record_id = record_of(claims.session_id, claims.user_id)
    if record_id is None:
        return _refused()
    # The token is one of ours: whose it is, nobody else can say.
    await admit_person(operation, "refreshSession", claims.user_id)
    async with operation.writing(SYSTEM) as tx:
        account = await held_account(tx, claims.user_id)
        kept = await kept_session(tx, record_id, claims.user_id)
        if account is None or kept is None or not _goes_on(account, kept, now):
            return _refused()
        if kept.refresh_token_hash != token_hash(refresh_token):
            await revoke(tx, account.id, now, only=record_id)
            await end(services, account.id, [record_id])
            return _refused()
        refresh = services.tokens.refresh(account.id, claims.session_id, now, kept.expires_at)
        await rotate(tx, record_id, token_hash(refresh.text), now)
        await write_session(services.stores, account, record_id, now, ends=kept.expires_at)
    access = services.tokens.access(account.id, account.role, claims.session_id, now)
    return LogIn(access.text, refresh.text, access.expires_at)


def _goes_on(account: HeldAccount, kept: KeptSession, now: datetime) -> bool:
    return account.is_active and kept.revoked_at is None and kept.expires_at > now
