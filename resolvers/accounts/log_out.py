"""Who leaves? Here, or everywhere."""

from __future__ import annotations

from typing import NamedTuple

from datadir.scope import SYSTEM
from loaders.sessions import held_account, revoke
from resolvers.accounts.people import current_session
from resolvers.degrading import degrades_with
from resolvers.operation import Operation, signed_in
from resolvers.problem import Problem
from resolvers.sessions import end


class LogOut(NamedTuple):
    """Whether the session is over."""

    logged_out: bool | None
    errors: tuple[Problem, ...] = ()


@degrades_with(end)
async def log_out(operation: Operation, everywhere: bool) -> LogOut:
    """End this session, or all of its owner's. Its tokens are worth nothing from now on."""
    viewer, services = signed_in(operation), operation.services
    async with operation.writing(SYSTEM) as tx:
        await held_account(tx, viewer.user_id)
        here = current_session(operation)
        ended = await revoke(tx, viewer.user_id, services.now(), only=None if everywhere else here)
        # This one too where its row is over already: it is what the viewer sees.
        await end(services, viewer.user_id, {*ended, *([] if here is None else [here])})
    operation.leave()
    return LogOut(True)
