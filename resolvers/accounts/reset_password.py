"""How does somebody who forgot the password get another? By a letter to the account's address.

Whoever asks for one learns nothing: for every address a job is written, with the same answer after the same work, and
only that job looks whether there is an account. The letter's token is for the password of that moment: once it is
changed, by this token or another or otherwise, none of them is worth anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from datadir.letters import Letter
from datadir.scope import SYSTEM
from loaders import account_changes
from loaders.accounts import credentials_by_email, credentials_by_id
from loaders.jobs import insert_job, wake
from loaders.sessions import held_account, revoke
from resolvers.accounts import checks
from resolvers.accounts.change_password import PasswordChange
from resolvers.attempts import admit_person, admit_stranger
from resolvers.degrading import degrades_with
from resolvers.operation import Operation, Services
from resolvers.problem import Problem, problem
from resolvers.sessions import end
from resolvers.tokens import TokenRefused, fingerprint

if TYPE_CHECKING:
    from resolvers.jobs import RunningJob

LETTER: Final = "accounts.reset_letter"
_TEXT: Final = """\
Somebody, you we hope, has asked for another password for the account with this address.

{how}

It works once, and for an hour. If it was not you, do nothing: your password stays what it is.
"""


class ResetRequest(NamedTuple):
    """Whether a letter will be on its way, if there is an account."""

    requested: bool | None
    errors: tuple[Problem, ...] = ()


@degrades_with(credentials_by_email)
async def request_password_reset(operation: Operation, email: str) -> ResetRequest:
    """Let a letter be written to this address, if it is an account's; nobody is told whether it is. Raises
    RateLimited."""
    address, wrong = checks.address(email)
    if wrong is not None:
        return ResetRequest(None, (wrong,))
    await admit_stranger(operation, "requestPasswordReset", address)
    async with operation.writing(SYSTEM) as tx:
        job_id = await insert_job(tx, LETTER, {"email": address})
    await wake(operation.services.stores, job_id)
    return ResetRequest(True)


async def write_letter(services: Services, job: RunningJob) -> Mapping[str, Any] | None:
    """The handler: a letter with a token, where the address is that of an account that may log in. Raises
    LetterNotSent; done twice it is two letters, of which either works."""
    known = await credentials_by_email(services.stores, str(job.payload["email"]))
    if known is None or not known.is_active:
        return None
    if services.letters is None:
        return {"sent": False}
    token = services.tokens.reset(known.id, known.password_hash, services.now()).text
    how = f"The token for it is\n\n{token}"
    if services.reset_url is not None:
        # Behind the # it stays in the browser: no log of any server on the way has it.
        how = f"Choose it here:\n\n{services.reset_url}#token={quote(token)}"
    await services.letters.send(Letter(known.email, "Another password", _TEXT.format(how=how), services.now()))
    return {"sent": True}


def _refused(refused: TokenRefused) -> PasswordChange:
    return PasswordChange(None, (problem("EXPIRED" if refused.expired else "INVALID_TOKEN", str(refused), "token"),))


@degrades_with(credentials_by_id, end)
async def reset_password(operation: Operation, token: str, new: str) -> PasswordChange:
    """Another password by the token of a letter; every session of the account ends. Raises RateLimited."""
    services = operation.services
    try:
        claims = services.tokens.reset_claims(token)
        await admit_person(operation, "resetPassword", claims.user_id)
        known = await credentials_by_id(services.stores, claims.user_id)
        if known is None or not known.is_active or fingerprint(known.password_hash) != claims.fingerprint:
            raise TokenRefused(expired=False)
    except TokenRefused as refused:
        return _refused(refused)
    wrong = checks.password_problem(new, known.email, "newPassword")
    if wrong is not None:
        return PasswordChange(None, (wrong,))
    password_hash, now = await services.passwords.hash(new), services.now()
    async with operation.writing(SYSTEM) as tx:
        account = await held_account(tx, known.id)
        if account is None or not account.is_active or account.password_hash != known.password_hash:
            return _refused(TokenRefused(expired=False))
        await account_changes.set_password(tx, account.id, password_hash, now)
        await end(services, account.id, await revoke(tx, account.id, now))
    return PasswordChange(True)
