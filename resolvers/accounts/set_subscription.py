"""Who has which plan? Administrators say so."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from loaders import account_changes, sessions
from resolvers.access.accounts import administers
from resolvers.accounts.people import by_ids
from resolvers.accounts.set_user_role import AccountChange
from resolvers.audit import audits, changed
from resolvers.degrading import Degrades, degrades
from resolvers.errors import NotFound
from resolvers.operation import Operation
from resolvers.problem import problem

if TYPE_CHECKING:
    from collections.abc import Callable


@degrades(Degrades.ERROR)
@audits("setSubscription")
async def set_subscription(
    operation: Operation, which: Callable[[], UUID], plan: str, renews_at: datetime | None
) -> AccountChange:
    """An active plan. `which` as in `set_user_role`. Raises Forbidden, NotFound."""
    administers(operation.scope)
    user_id, now = which(), operation.services.now()
    async with operation.writing(operation.scope) as tx:
        if await sessions.held_account(tx, user_id) is None:
            raise NotFound
        if renews_at is not None and renews_at <= now:
            return AccountChange(None, (problem("OUT_OF_RANGE", "A plan renews in the future.", "renewsAt"),))
        await account_changes.set_subscription(tx, user_id, plan, renews_at, now)
        await changed(operation, tx, "setSubscription", [user_id], ["User.subscription"])
    return AccountChange((await by_ids(operation, [user_id]))[0])
