"""May this be tried once more? What strangers may do with an account, and how often each person may ask.

Counted in Redis, for all processes together. While Redis is away each process counts by itself, from nought on, with
the limiter of the `limits` package: nobody is let off, and nobody is refused for what another process has seen.

An attempt counts before anything is looked up, so that a refusal says nothing of whether there is an account: the same
words after the same work. It counts for the peer first, then for the account that is meant, then in total: one address
that tries too often neither locks an account nor uses up what is everybody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from time import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datadir.errors import StoreUnavailable
from loaders.charges import Charge, TooMuch, count, of_attempt, of_person
from resolvers.errors import RateLimited
from resolvers.rate import ANY, Rate

if TYPE_CHECKING:
    from resolvers.operation import Operation


@dataclass(frozen=True, slots=True)
class LogIns:
    """How often each verb that takes a password, or a token in its place, may be tried: at one account, from one peer,
    and by all together."""

    account: Rate = ANY
    peer: Rate = ANY
    total: Rate = ANY


@dataclass(frozen=True)
class Limiter:
    """What is allowed, and the counters of this process, which count while Redis does not."""

    log_ins: LogIns = field(default_factory=LogIns)

    async def counted_here(self, charges: Sequence[Charge]) -> TooMuch | None:
        """The same as `loaders.charges.count`, in this process alone."""
        limiter, item_of = self._standby
        for charge in charges:
            item = item_of(charge.most, charge.seconds)
            if not await limiter.hit(item, charge.key, cost=charge.by):
                ends, _ = await limiter.get_window_stats(item, charge.key)
                return TooMuch(charge, max(1, ceil(ends - time())))
        return None

    @cached_property
    def _standby(self) -> tuple[Any, Any]:
        from limits import RateLimitItemPerSecond
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import FixedWindowRateLimiter

        return FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerSecond


async def admit_stranger(operation: Operation, verb: str, account: str | None = None) -> None:
    """Somebody whom nobody knows yet tries `verb`, at the `account` of this name where it is about one. At most one
    store call. Raises RateLimited."""
    allowed = operation.services.limiter.log_ins
    tried = [("peer", operation.peer, allowed.peer), ("account", account, allowed.account), ("all", "", allowed.total)]
    charges = [
        of_attempt(f"{kind} {who}", verb, rate.seconds, rate.most)
        for kind, who, rate in tried
        if who is not None and rate.most
    ]
    await _admit(operation, charges)


async def admit_person(operation: Operation, verb: str, user_id: UUID) -> None:
    """Somebody does `verb` with their own account. At most one store call. Raises RateLimited."""
    rate = operation.services.limiter.log_ins.account
    await _admit(operation, [of_person(user_id, verb, 1, rate.seconds, rate.most)] if rate.most else [])


async def _admit(operation: Operation, charges: Sequence[Charge]) -> None:
    services = operation.services
    try:
        refused = await count(services.stores, charges)
    except StoreUnavailable:
        refused = await services.limiter.counted_here(charges)
    if refused is not None:
        raise RateLimited("This was tried too often: come again in a moment.", refused.seconds_left)
