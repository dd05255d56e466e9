"""How is the event log reached? The promise both logs keep, and Kafka by aiokafka.

Events are appended to the outbox in the caller's transaction (`datadir/postgresql/outbox.py`) on both sides; `relay.py`
moves them into Kafka. Delivery is at least once: a duplicate has the same `event_id`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    AuthenticationFailedError,
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

from datadir.errors import StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.kafka.event import Delivery, Event
from datadir.kafka.relay import Relay
from datadir.kafka.topics import BY_NAME, TOPICS
from datadir.ledger import count
from datadir.names import StoreName
from datadir.postgresql import outbox

if TYPE_CHECKING:
    from types import TracebackType

    from datadir.postgresql.client import Postgres, Transaction

log = logging.getLogger(__name__)

PING_DEADLINE: Final = 0.4
READ_DEADLINE: Final = 5.0
_EXISTS_ALREADY: Final = 36
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
    """What happened, in order per key."""

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


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where Kafka is and who we are there. SASL where a user is given, TLS where a context is."""

    bootstrap_servers: str
    username: str | None = None
    password: str | None = None
    mechanism: str = "SCRAM-SHA-512"
    tls: ssl.SSLContext | None = None

    def connection(self) -> dict[str, Any]:
        """The arguments that aiokafka's producer, consumer and admin client share."""
        sasl = (
            {}
            if self.username is None
            else {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        )
        protocol = ("SASL_" if sasl else "") + ("SSL" if self.tls else "PLAINTEXT")
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": "studygraph",
            "security_protocol": protocol,
            "ssl_context": self.tls,
            **sasl,
        }


class KafkaEventLog:
    """The event log on a Kafka cluster. `session` in seconds: how long a dead member keeps its partitions."""

    def __init__(self, brokers: Brokers, admin: Any, pg: Postgres, *, session: float) -> None:
        self._brokers = brokers
        self._admin = admin
        self._session = session
        self._relay = Relay(pg, brokers.connection())

    @classmethod
    async def open(
        cls, brokers: Brokers, pg: Postgres, *, replication: int = 1, session: float = 10.0
    ) -> KafkaEventLog:
        """Connect, and create the topics that are missing with `replication` copies. StoreMisconfigured with a
        sentence, also for a topic that has fewer partitions than `topics.py` says."""
        admin = AIOKafkaAdminClient(**brokers.connection(), request_timeout_ms=int(READ_DEADLINE * 1000))
        try:
            async with asyncio.timeout(20):
                await admin.start()
                await _prepare(admin, replication)
        except BaseException as error:
            with contextlib.suppress(KafkaError):
                await admin.close()
            where = f"at {brokers.bootstrap_servers}"
            if isinstance(error, AuthenticationFailedError):
                raise StoreMisconfigured(StoreName.KAFKA, f"Kafka refuses the user or password {where}.") from error
            if isinstance(error, (KafkaError, OSError, TimeoutError)):
                raise StoreMisconfigured(StoreName.KAFKA, f"Kafka does not answer {where}: {error}.") from error
            if isinstance(error, ValueError):
                raise StoreMisconfigured(StoreName.KAFKA, f"KAFKA_BOOTSTRAP_SERVERS is no address: {error}.") from error
            raise
        return cls(brokers, admin, pg, session=session)

    async def append(self, tx: Transaction, events: Sequence[Event]) -> int:
        return await outbox.append(tx, events)

    def subscribe(
        self, group: str, topics: Sequence[str], *, stop: asyncio.Event | None = None, most: int = 100
    ) -> KafkaSubscription:
        for topic in topics:
            if topic not in BY_NAME:
                raise ValueError(f"no such topic: {topic!r}")
        return KafkaSubscription(
            self._brokers.connection(), group, list(topics), stop or asyncio.Event(), most, self._session
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
        return found

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
            except ConsumerStoppedError:
                break
            except KafkaError as error:
                log.warning("the event log is not reachable, %s looks again: %s", self._group, error)
                await self._leave()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 1.0)
                continue
            deliveries = [_delivery(record) for each in records.values() for record in each]
            if deliveries:
                self._between_batches.clear()
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


async def _prepare(admin: Any, replication: int) -> None:
    there = set(await admin.list_topics())
    missing = [NewTopic(each.name, each.partitions, replication) for each in TOPICS if each.name not in there]
    if missing:
        answer = await admin.create_topics(missing)
        for name, code, *message in answer.topic_errors:  # create_topics itself never raises
            if code not in (0, _EXISTS_ALREADY):
                raise StoreMisconfigured(StoreName.KAFKA, f"Kafka does not create topic {name}: {message or code}.")
    for found in await admin.describe_topics([each.name for each in TOPICS]):
        name, partitions = found["topic"], len(found["partitions"])
        # A topic made a moment ago may not be described yet; the relay waits for it.
        if 0 < partitions < BY_NAME[name].partitions:
            raise StoreMisconfigured(
                StoreName.KAFKA, f"Topic {name} has {partitions} partitions, it needs {BY_NAME[name].partitions}."
            )


def _delivery(record: Any) -> Delivery:
    headers = dict(record.headers)
    event = Event(
        UUID(headers["event_id"].decode()),
        record.topic,
        record.key.decode(),
        headers["type"].decode(),
        orjson.loads(record.value),
        datetime.fromtimestamp(int(headers["at"]) / 1000, UTC),
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
