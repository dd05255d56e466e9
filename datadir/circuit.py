"""May this store be asked now, and once more? Its bulkhead, its circuit breaker, its one retry.

Each client holds one `Circuit` and makes every call of an operation inside it:

- *bulkhead*: no more than `most` calls of this process are under way or wait for a connection; one more is refused at
  once, so that a store that hangs fills no memory with waiting;
- *breaker* (purgatory): after `THRESHOLD` failures in a row calls are refused without asking, for `REST` seconds; then
  one call tries, and either all is well again or the rest begins anew;
- *memory of the operation*: a store that was too slow once is not asked again in the same operation;
- *retry*: a read that failed quickly (refused, cut) is made once more after a short random pause, within its deadline.
  A read that was too slow has no time left, and a write is never repeated: what its first try did is unknown.

Only `StoreUnavailable` is a failure here. A conflict, a missing object, a refused filter are answers of a store that is
well. Deadlines are kept by the clients, each by its driver's own means.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic, time
from types import TracebackType
from typing import Final, TypeVar

from purgatory import SyncCircuitBreakerFactory

from datadir import ledger
from datadir.errors import StoreTimeout, StoreUnavailable
from datadir.names import StoreName

THRESHOLD: Final = 5
"""Failures in a row that open the circuit."""
REST: Final = 1.0
"""Seconds for which an open circuit refuses; a store that is back is found within them."""
READ_DEADLINE: Final = 0.4
"""Seconds for one read, its retry included, where nobody says otherwise."""
PAUSE: Final = (0.005, 0.02)
"""Seconds before a read is made again: at random, so that those who failed together do not come back together."""
LEAST: Final = 0.05
"""Seconds that must be left for a second try."""

T = TypeVar("T")


class NotAsked(StoreUnavailable):
    """The store was not even asked: its circuit is open, its bulkhead full, or it failed this operation before."""


class Circuit:
    """The way to one store. Safe for any number of tasks of one event loop."""

    __slots__ = ("_breaker", "_trying", "_well", "most", "refused", "store", "under_way")

    def __init__(self, store: StoreName, *, most: int) -> None:
        """`most` calls at once, those that wait for a connection included."""
        self.store = store
        self.most = most
        self.under_way = 0
        # Calls that were not made, for the metrics.
        self.refused = 0
        self._trying = False
        # While nothing has failed the breaker would learn nothing new from a call: it is not asked.
        self._well = True
        # The synchronous kind: in memory it waits for nothing, and the other costs a task switch a call.
        self._breaker = SyncCircuitBreakerFactory(THRESHOLD, REST).get_breaker(store.value)

    @property
    def state(self) -> str:
        """`closed` (well), `opened` (refusing) or `half-opened` (trying)."""
        return str(self._breaker.context.state)

    def asked(self, store: StoreName | None = None) -> Asked:
        """`with circuit.asked(): ...` around one call. `store` is the name to fail under, where another store rests in
        this one. Raises NotAsked instead of letting it be made."""
        return Asked(self, store or self.store)

    async def read(
        self, request: Callable[[float], Awaitable[T]], deadline: float, store: StoreName | None = None
    ) -> T:
        """What `request(seconds)` answers, tried twice where the first failure was quick."""
        until = monotonic() + deadline
        name = store or self.store
        try:
            return await self._once(request, deadline, name)
        except (NotAsked, StoreTimeout):
            raise
        except StoreUnavailable:
            pause = random.uniform(*PAUSE)
            if until - monotonic() - pause < LEAST:
                raise
        # Two lines of our own: tenacity and stamina take 85 us a call that succeeds, half of a small operation.
        await asyncio.sleep(pause)
        return await self._once(request, until - monotonic(), name)

    async def _once(self, request: Callable[[float], Awaitable[T]], seconds: float, store: StoreName) -> T:
        self._enter(store)
        try:
            answer = await request(seconds)
        except BaseException as error:
            self._exit(error, store)
            raise
        self._exit(None, store)
        return answer

    def failed(self, error: StoreUnavailable) -> None:
        """A call that was made beside another one failed."""
        with suppress(StoreUnavailable), self.asked():
            raise error

    def _enter(self, store: StoreName) -> None:
        kept = ledger.current.get()
        if kept is not None and kept.given_up and self.store in kept.given_up:
            raise NotAsked(store)
        if self.under_way >= self.most or (not self._well and self._rests()):
            self.refused += 1
            if kept is not None:
                kept.failed(store, "unavailable")
            raise NotAsked(store)
        self.under_way += 1
        if not self._well:
            self._breaker.__enter__()
            self._trying = self.state == "half-opened"

    def _rests(self) -> bool:
        """Whether the breaker would refuse, or lets somebody else try. Asked here and not left to it: it raises one and
        the same exception each time, whose traceback grows with every refusal."""
        context = self._breaker.context
        if context.state == "opened":
            return time() <= (context.opened_at or 0) + REST
        return self._trying and context.state == "half-opened"

    def _exit(self, error: BaseException | None, store: StoreName) -> None:
        self.under_way -= 1
        if error is None and self._well:
            return
        self._trying = False
        # Inside a transaction another store may fail: that is not this one's doing.
        if isinstance(error, StoreUnavailable) and error.store == store:
            self._well = False
            self._breaker.__exit__(type(error), error, None)
            kept = ledger.current.get()
            if kept is not None:
                slow = isinstance(error, StoreTimeout)
                kept.failed(store, "timeout" if slow else "unavailable")
                if slow:
                    kept.given_up.add(self.store)
        elif error is None or isinstance(error, Exception):
            self._breaker.__exit__(None, None, None)
            self._well = self.state == "closed"
        # A call that was cancelled says nothing about the store.


class Asked:
    """One call that is under way."""

    __slots__ = ("_circuit", "_store")

    def __init__(self, circuit: Circuit, store: StoreName) -> None:
        self._circuit = circuit
        self._store = store

    def __enter__(self) -> None:
        self._circuit._enter(self._store)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._circuit._exit(error, self._store)
