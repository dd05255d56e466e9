"""How is this worker doing? What it counted since its start, as Prometheus reads it at /metrics.

Nothing is registered and no label looked up while an operation runs: it is counted into plain numbers, and who scrapes
pays for the rest. Operations are told apart by the hash of their document, a bounded number of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from datadir.ledger import Entry, Ledger
from datadir.names import StoreName

if TYPE_CHECKING:
    from datadir.stores import Stores
    from graph.execution.documents import Document, Documents
    from graph.execution.plans import Plans
    from graph.http.admission import Admission

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds, of the histogram."""
MOST_OPERATIONS: Final = 500
"""Operations that are told apart; what comes later is counted together as `other`."""

_OTHER: Final = ("other", "")
_REFUSED: Final = ("refused", "")
_STATES: Final = {"closed": 0, "half-opened": 1, "opened": 2}


class _Tally:
    """What was counted of one operation."""

    __slots__ = ("buckets", "seconds", "statuses")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.statuses: dict[int, int] = {}


class Telemetry(Collector):
    """The counts of one worker, and the gauges that are read when somebody asks."""

    def __init__(self, stores: Stores, documents: Documents, plans: Plans) -> None:
        # Set by the application around: without one nobody is shed.
        self.admission: Admission | None = None
        self.registry = CollectorRegistry(auto_describe=False)
        self._stores = stores
        self._documents = documents
        self._plans = plans
        self._tallies: dict[tuple[str, str | None], _Tally] = {}
        self._totals: dict[StoreName, Entry] = {store: Entry() for store in StoreName}
        self._codes: Counter[str] = Counter()
        self.registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def operation(
        self,
        document: Document | None,
        name: str | None,
        status: int,
        errors: Iterable[Mapping[str, Any]],
        seconds: float,
        calls: Ledger,
    ) -> None:
        """Count one operation that was answered; without a document it was refused before it had one."""
        key = _REFUSED if document is None else (document.hash, name)
        tally = self._tallies.get(key) or self._tally(key)
        tally.seconds += seconds
        tally.buckets[bisect_left(BOUNDS, seconds)] += 1
        tally.statuses[status] = tally.statuses.get(status, 0) + 1
        for store, entry in calls.stores.items():
            total = self._totals[store]
            total.calls += entry.calls
            total.rows += entry.rows
            total.ms += entry.ms
        for error in errors:
            self._codes[error["extensions"]["code"]] += 1

    def _tally(self, key: tuple[str, str | None]) -> _Tally:
        if len(self._tallies) >= MOST_OPERATIONS and key not in self._tallies:
            key = _OTHER
        return self._tallies.setdefault(key, _Tally())

    def collect(self) -> Iterator[Metric]:
        """Everything, for one scrape."""
        yield from self._operations()
        yield from self._store_calls()
        yield from self._health()
        yield from self._caches()
        if self.admission is not None:
            yield from _places(self.admission)

    def _operations(self) -> Iterator[Metric]:
        asked = CounterMetricFamily(
            "studygraph_operations", "Operations answered, by HTTP status.", labels=("hash", "operation", "status")
        )
        took = HistogramMetricFamily(
            "studygraph_operation_seconds", "How long operations took.", labels=("hash", "operation")
        )
        levels = GaugeMetricFamily(
            "studygraph_operation_levels", "How many levels an operation's plan has.", labels=("hash", "operation")
        )
        # Scrapes are made beside the event loop, which goes on counting.
        for (digest, name), tally in list(self._tallies.items()):
            labels = (digest[:16], name or "")
            for status, count in list(tally.statuses.items()):
                asked.add_metric((*labels, str(status)), count)
            took.add_metric(labels, list(_cumulative(tally.buckets.copy())), tally.seconds)
        for document in self._documents.kept():
            for name in document.operations:
                if (document.hash, name) in self._tallies and (deepest := self._plans.levels(document, name)):
                    levels.add_metric((document.hash[:16], name or ""), deepest)
        yield from (asked, took, levels)
        errors = CounterMetricFamily("studygraph_errors", "Errors in answers, by code.", labels=("code",))
        for code, count in list(self._codes.items()):
            errors.add_metric((code,), count)
        yield errors

    def _store_calls(self) -> Iterator[Metric]:
        calls = CounterMetricFamily("studygraph_store_calls", "Wire requests of operations.", labels=("store",))
        rows = CounterMetricFamily("studygraph_store_rows", "Rows or documents that came back.", labels=("store",))
        seconds = CounterMetricFamily("studygraph_store_seconds", "Time waited for answers.", labels=("store",))
        for store, entry in self._totals.items():
            calls.add_metric((store.value,), entry.calls)
            rows.add_metric((store.value,), entry.rows)
            seconds.add_metric((store.value,), entry.ms / 1000)
        yield from (calls, rows, seconds)

    def _health(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "studygraph_breaker_state", "The store's breaker: 0 closed, 1 trying, 2 open.", labels=("store",)
        )
        refused = CounterMetricFamily(
            "studygraph_breaker_refused", "Calls that were not made: breaker open, or too many.", labels=("store",)
        )
        under_way = GaugeMetricFamily(
            "studygraph_pool_under_way", "Calls under way, those that wait for a connection too.", labels=("store",)
        )
        most = GaugeMetricFamily("studygraph_pool_most", "How many there may be.", labels=("store",))
        for store, circuit in self._stores.circuits.items():
            labels = (store.value,)
            state.add_metric(labels, _STATES.get(circuit.state, 2))
            refused.add_metric(labels, circuit.refused)
            under_way.add_metric(labels, circuit.under_way)
            most.add_metric(labels, circuit.most)
        connections = GaugeMetricFamily(
            "studygraph_pool_connections", "Connections of the PostgreSQL pool.", labels=("store", "state")
        )
        pool = self._stores.postgresql.pool
        connections.add_metric(("postgresql", "idle"), pool.get_idle_size())
        connections.add_metric(("postgresql", "busy"), pool.get_size() - pool.get_idle_size())
        yield from (state, refused, under_way, most, connections)

    def _caches(self) -> Iterator[Metric]:
        documents = CounterMetricFamily(
            "studygraph_documents", "How documents were found: kept, or parsed and validated.", labels=("found",)
        )
        documents.add_metric(("kept",), self._documents.hits)
        documents.add_metric(("made",), self._documents.misses)
        plans = CounterMetricFamily("studygraph_plans", "How plans were found: kept, or compiled.", labels=("found",))
        plans.add_metric(("kept",), self._plans.counts.hits)
        plans.add_metric(("made",), self._plans.counts.misses)
        fallbacks = CounterMetricFamily(
            "studygraph_plan_fallbacks", "Operations that graphql-core had to run.", labels=("reason",)
        )
        for reason, count in list(self._plans.counts.fallbacks.items()):
            fallbacks.add_metric((reason,), count)
        yield from (documents, plans, fallbacks)


def _places(admission: Admission) -> Iterator[Metric]:
    shed = CounterMetricFamily("studygraph_shed", "Refused because there was too much to do.", labels=("what",))
    shed.add_metric(("operation",), admission.shed)
    shed.add_metric(("socket",), admission.shed_sockets)
    yield shed
    yield GaugeMetricFamily("studygraph_operations_under_way", "Operations that run.", value=admission.under_way)
    yield GaugeMetricFamily("studygraph_operations_waiting", "Operations that wait to run.", value=admission.waiting)
    yield GaugeMetricFamily("studygraph_sockets_open", "Open sockets and event streams.", value=admission.sockets)


def _cumulative(buckets: Iterable[int]) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
        total += count
        yield bound, total
