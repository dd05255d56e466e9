"""How many wire requests did this operation make, to which store?

Drivers' wrappers in `datadir/<store>/client.py` and `embedded.py` count here, loaders never do. One batch is one
call; a pipeline is one call; begin and commit are none; the concurrent single-partition reads of one Cassandra
batch are one call with `fanout`. The ledger of the running operation is a context variable, so that it follows
tasks and `asyncio.to_thread`; outside an operation (start-up, background work) nothing is counted.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter

from datadir.names import StoreName


@dataclass(slots=True)
class Entry:
    """What one store was asked: wire requests, rows or documents that came back, milliseconds waited."""

    calls: int = 0
    rows: int = 0
    ms: float = 0.0
    fanout: int = 0

    def as_dict(self) -> dict[str, int | float]:
        """The shape of `extensions.ledger.<store>`; `fanout` only where a batch fans out."""
        shape: dict[str, int | float] = {"calls": self.calls, "rows": self.rows, "ms": round(self.ms, 3)}
        if self.fanout:
            shape["fanout"] = self.fanout
        return shape


@dataclass(slots=True)
class Ledger:
    """The store calls of one operation."""

    stores: dict[StoreName, Entry] = field(default_factory=dict)
    # Stores that were not well for this operation, and how it noticed.
    sources: dict[StoreName, str] = field(default_factory=dict)
    # Stores that were too slow once: they are not asked again (`datadir/circuit.py`).
    given_up: set[StoreName] = field(default_factory=set)
    # Stores for which last good values stood in, with the oldest one's age in seconds.
    ages: dict[StoreName, float] = field(default_factory=dict)

    def failed(self, store: StoreName, how: str) -> None:
        """A call failed or was not made: `timeout` or `unavailable`. The first word stands."""
        self.sources.setdefault(store, how)

    def stale(self, store: StoreName, age: float) -> None:
        """A value read `age` seconds ago stood in for this store, which had failed; the oldest one's age is kept."""
        self.sources[store] = "stale"
        self.ages[store] = max(age, self.ages.get(store, 0.0))

    def unwell(self) -> list[dict[str, str | int]]:
        """The shape of `extensions.sources`: stores that were not well, how, and the age of what stood in for them."""
        ages = {store: {"ageSeconds": int(age)} for store, age in self.ages.items()}
        return [
            {"store": store.value, "status": how, **ages.get(store, {})} for store, how in sorted(self.sources.items())
        ]

    def add(self, store: StoreName, *, rows: int = 0, ms: float = 0.0, fanout: int = 0) -> None:
        """Count one wire request."""
        entry = self.stores.get(store)
        if entry is None:
            entry = self.stores[store] = Entry()
        entry.calls += 1
        entry.rows += rows
        entry.ms += ms
        entry.fanout += fanout

    def as_dict(self) -> dict[str, dict[str, int | float]]:
        """The shape of `extensions.ledger`."""
        return {store.value: entry.as_dict() for store, entry in sorted(self.stores.items())}


current: ContextVar[Ledger | None] = ContextVar("ledger", default=None)


def count(store: StoreName, *, started: float, rows: int = 0, fanout: int = 0) -> None:
    """Count one wire request to `store` that began at `perf_counter()` reading `started`."""
    ledger = current.get()
    if ledger is not None:
        ledger.add(store, rows=rows, ms=(perf_counter() - started) * 1000, fanout=fanout)


class kept:  # noqa: N801 - read as `with kept() as ledger`
    """Keep a fresh ledger for the calls made inside."""

    __slots__ = ("_ledger", "_token")

    def __enter__(self) -> Ledger:
        self._ledger = Ledger()
        self._token = current.set(self._ledger)
        return self._ledger

    def __exit__(self, *_: object) -> None:
        current.reset(self._token)
