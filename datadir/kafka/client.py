"""How is the event log reached? The promise both logs keep, and Kafka by aiokafka.

Events are appended to the outbox in the caller's transaction (`datadir/postgresql/outbox.py`) on both sides; `relay.py`
moves them into Kafka. Delivery is at least once: a duplicate has the same `event_id`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    RequestTimedOutError,
    UnknownMemberIdError,
)

from datadir.errors import StoreError, StoreTimeout, StoreUnavailable
from datadir.kafka import opening, personal
from datadir.kafka.event import Delivery, Event
from datadir.kafka.opening import Brokers
from datadir.kafka.pending import prepare
from datadir.kafka.relay import Relay
from datadir.kafka.topics import BY_NAME
from datadir.ledger import count
from datadir.names import StoreName
from datadir.postgresql import outbox

if TYPE_CHECKING:
    from types import TracebackType

    from datadir.postgresql.client import Postgres, Transaction
    from datadir.postgresql.learner_keys import LearnerKeys

log = logging.getLogger(__name__)

PING_DEADLINE: Final = 0.4
READ_DEADLINE: Final = 5.0
_TAKEN_OVER: Final = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    ConsumerStoppedError,
)


class Batch(Protocol):
    """Events handed to one member of a group, in order within each partition."""

    @property
    def deliveries(self) -> Sequence[Delivery]: ...

    async def commit(self) -> bool:
        """Say that all of them are handled. False where that could not be written down, for another member has taken
        partitions over meanwhile or the log cannot be reached: the events may be delivered again."""


class Subscription(Protocol):
    """One member of a group: `async with log.subscribe(...) as batches: async for batch in batches: ...`.

    Asking for the next batch says that the last one is dealt with; what was not committed is delivered again to
    whoever holds its partition after this member. No two members hold one partition; a member whose process died
    loses its partitions after the lease. A log that cannot be reached ends nothing: the loop waits until it can."""

    async def __aenter__(self) -> Subscription: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[Batch]: ...

    async def close(self) -> None:
        """Leave the group."""


class EventLog(Protocol):
    """What happened, in order per key. `keys` close what is personal in it."""

    keys: LearnerKeys

    async def append(self, tx: Transaction, events: Sequence[Event]) -> int:
        """Write events into the caller's transaction: they are in the log when it commits, and never otherwise.
        How many were new (an `event_id` is appended once). ValueError as `outbox.append` says."""

    def subscribe(
        self, group: str, topics: Sequence[str], *, stop: asyncio.Event | None = None, most: int = 100
    ) -> Subscription:
        """Join a group whose members share the partitions of these topics (the same for all members). A new group
        begins with the oldest event. The loop ends when `stop` is set. ValueError for an unknown topic."""

    async def read_from(self, topic: str, partition: int, offset: int, limit: int) -> list[Delivery]:
        """Replay: up to `limit` events of one partition from this offset on, whoever has handled them."""

    async def publish_until(self, stop: asyncio.Event) -> None:
        """Move committed events into the log until `stop` is set. Every process runs it; one at a time works."""

    async def ping(self) -> str:
        """What answers."""

    async def close(self) -> None:
        """Let go of connections; subscriptions are closed by whoever made them."""


class KafkaEventLog:
    """The event log on a Kafka cluster. `session` in seconds: how long a dead member keeps its partitions."""

    def __init__(self, brokers: Brokers, admin: Any, pg: Postgres, keys: LearnerKeys, *, session: float) -> None:
        self._brokers = brokers
        self.keys = keys
        self._admin = admin
        self._session = session
        self._relay = Relay(pg, brokers.connection())

    @classmethod
    async def open(
        cls, brokers: Brokers, pg: Postgres, keys: LearnerKeys, *, replication: int = 1, session: float = 10.0
    ) -> KafkaEventLog:
        """Connect, and create the topics that are missing with `replication` copies. StoreMisconfigured with a
        sentence, also for a topic that has fewer partitions than `topics.py` says."""
        brokers = await brokers.with_context()
        admin = AIOKafkaAdminClient(**brokers.connection(), request_timeout_ms=int(READ_DEADLINE * 1000))
        try:
            async with asyncio.timeout(20):
                await admin.start()
                await prepare(admin, replication)
        except BaseException as error:
            with contextlib.suppress(KafkaError):
                await admin.close()
            said = await opening.sentence(error, brokers)
            if said is None:
                raise
            raise opening.misconfigured(said) from error
        return cls(brokers, admin, pg, keys, session=session)

    async def append(self, tx: Transaction, events: Sequence[Event]) -> int:
        return await outbox.append(tx, events, self.keys)

    def subscribe(
        self, group: str, topics: Sequence[str], *, stop: asyncio.Event | None = None, most: int = 100
    ) -> KafkaSubscription:
        for topic in topics:
            if topic not in BY_NAME:
                raise ValueError(f"no such topic: {topic!r}")
        return KafkaSubscription(
            self._brokers.connection(), self.keys, group, list(topics), stop or asyncio.Event(), most, self._session
        )

    async def read_from(self, topic: str, partition: int, offset: int, limit: int) -> list[Delivery]:
        where = TopicPartition(topic, partition)
        found: list[Delivery] = []
        consumer = AIOKafkaConsumer(
            **self._brokers.connection(), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        with _translated():
            async with asyncio.timeout(READ_DEADLINE):
                try:
                    await consumer.start()
                    consumer.assign([where])
                    end = (await consumer.end_offsets([where]))[where]
                    consumer.seek(where, offset)
                    position = offset
                    while position < end and len(found) < limit:
                        started = perf_counter()
                        records = await consumer.getmany(where, timeout_ms=1000, max_records=limit - len(found))
                        found += [_delivery(record) for record in records.get(where, ())]
                        count(StoreName.KAFKA, started=started, rows=len(records.get(where, ())))
                        position = await consumer.position(where)
                finally:
                    await consumer.stop()
        return await personal.opened(found, self.keys)

    async def publish_until(self, stop: asyncio.Event) -> None:
        await self._relay.run(stop)

    async def ping(self) -> str:
        started = perf_counter()
        with _translated():
            async with asyncio.timeout(PING_DEADLINE):
                cluster = await self._admin.describe_cluster()
        count(StoreName.KAFKA, started=started)
        return f"{len(cluster['brokers'])} broker(s)"

    async def close(self) -> None:
        with contextlib.suppress(KafkaError):
            await self._admin.close()


class KafkaBatch:
    """Events handed to one member."""

    def __init__(self, consumer: Any, deliveries: Sequence[Delivery]) -> None:
        self.deliveries = deliveries
        self._consumer = consumer

    async def commit(self) -> bool:
        ends = {TopicPartition(each.event.topic, each.partition): each.offset + 1 for each in self.deliveries}
        try:
            async with asyncio.timeout(READ_DEADLINE):
                await self._consumer.commit(ends)
        except _TAKEN_OVER:
            return False
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("handled events may come again: %s: %s", type(error).__name__, error)
            return False
        return True


class KafkaSubscription:
    """One member of a consumer group."""

    def __init__(
        self,
        connection: dict[str, Any],
        keys: LearnerKeys,
        group: str,
        topics: list[str],
        stop: asyncio.Event,
        most: int,
        session: float,
    ) -> None:
        self._settings = {
            **connection,
            "group_id": group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": int(session * 1000),
            "heartbeat_interval_ms": int(session * 300),
            "request_timeout_ms": 10_000,
        }
        self._keys = keys
        self._group = group
        self._topics = topics
        self._stop = stop
        self._most = most
        self._consumer: Any = None
        self._closed = False
        # Set while no batch is being handled: partitions are given up only then.
        self._between_batches = asyncio.Event()
        self._between_batches.set()

    async def __aenter__(self) -> KafkaSubscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[KafkaBatch]:
        return self

    async def __anext__(self) -> KafkaBatch:
        self._between_batches.set()
        while not (self._stop.is_set() or self._closed):
            try:
                if self._consumer is None:
                    await self._join()
                records = await self._consumer.getmany(timeout_ms=200, max_records=self._most)
                found = [_delivery(record) for each in records.values() for record in each]
                if found:
                    self._between_batches.clear()
                deliveries = await personal.opened(found, self._keys)
            except ConsumerStoppedError:
                break
            except (KafkaError, StoreError) as error:
                # Also where keys of learners cannot be read: whoever joins again is handed the same events.
                log.warning("the event log is not reachable, %s looks again: %s", self._group, error)
                self._between_batches.set()
                await self._leave()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 1.0)
                continue
            if deliveries:
                return KafkaBatch(self._consumer, deliveries)
        raise StopAsyncIteration

    async def close(self) -> None:
        self._closed = True
        self._between_batches.set()
        await self._leave()

    async def _join(self) -> None:
        consumer = AIOKafkaConsumer(**self._settings)
        consumer.subscribe(self._topics, listener=_GiveUpBetweenBatches(self._between_batches))
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer

    async def _leave(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaError):
                await consumer.stop()


class _GiveUpBetweenBatches(ConsumerRebalanceListener):  # type: ignore[misc]
    """Keeps a partition until the batch at hand is dealt with, so that its next holder does not work beside us."""

    def __init__(self, between_batches: asyncio.Event) -> None:
        self._between_batches = between_batches

    async def on_partitions_revoked(self, revoked: object) -> None:
        await self._between_batches.wait()

    async def on_partitions_assigned(self, assigned: object) -> None:
        """The next batch may come from other partitions; nothing to prepare."""


def _delivery(record: Any) -> Delivery:
    headers = dict(record.headers)
    event = Event(
        UUID(headers["event_id"].decode()),
        record.topic,
        record.key.decode(),
        headers["type"].decode(),
        orjson.loads(record.value),
        datetime.fromtimestamp(int(headers["at"]) / 1000, UTC),
        int(headers.get("version", b"1")),
    )
    return Delivery(event, record.partition, record.offset)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (TimeoutError, KafkaTimeoutError, RequestTimedOutError) as error:
        raise StoreTimeout(StoreName.KAFKA) from error
    except (KafkaError, OSError) as error:
        raise StoreUnavailable(StoreName.KAFKA) from error
