"""How do committed events get from the outbox into Kafka, in order and at least once?

One relay works at a time, whichever process it is in: an advisory lock lives as long as a turn's transaction. A turn
takes the oldest unpublished rows, makes one record batch per partition, sends them side by side and marks what the
brokers acknowledged. A batch is appended whole or not at all, and a partition gets its next batch only in a later
turn; so whatever fails is sent again before anything behind it, and readers see each event for the first time in
the order of its partition. A relay that dies between acknowledgement and mark sends the batch again: the duplicate has
the same event id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from datadir.errors import StoreError
from datadir.kafka.topics import BY_NAME
from datadir.names import StoreName
from datadir.scope import SYSTEM

if TYPE_CHECKING:
    from datadir.postgresql.client import Postgres, Transaction

log = logging.getLogger(__name__)

RELAY_LOCK: Final = 5_283_406_770_931_245_119
BATCH_BYTES: Final = 900_000  # below the brokers' message.max.bytes (1 MiB unless they say otherwise)
PUBLISH_DEADLINE: Final = 10.0
AT_ONCE: Final = 500
RETENTION: Final = timedelta(days=7)
FORGET_EVERY: Final = 60.0

_OLDEST: Final = """
select position, topic, partition, key, event_id, type, version, payload::text as payload,
       (extract(epoch from at) * 1000)::bigint as at
from outbox where published_at is null and topic = any($1) order by position limit $2
"""
_MARK: Final = """
update outbox o set published_at = clock_timestamp(), log_offset = p.log_offset
from unnest($1::bigint[], $2::bigint[]) as p (position, log_offset) where o.position = p.position
"""
# Looks at the oldest thousand rows only, so it costs the same however long the outbox is.
FORGET: Final = """
delete from outbox where position in (
    select position from (select position, published_at from outbox order by position limit 1000) as oldest
    where published_at < clock_timestamp() - $1::interval)
"""


class Relay:
    """Publishes the outbox of one database."""

    def __init__(self, pg: Postgres, connection: dict[str, Any], *, pause: float = 0.1) -> None:
        self._pg = pg
        self._connection = connection
        self._pause = pause
        self._producer: Any = None
        self._forgot_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set, through any failure of PostgreSQL or Kafka."""
        try:
            while not stop.is_set():
                pause = self._pause
                try:
                    if await self.turn():
                        continue
                except (StoreError, KafkaError, OSError, TimeoutError) as error:
                    log.warning("events wait in the outbox: %s: %s", type(error).__name__, error)
                    await self._drop_producer()
                    pause = 1.0
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
        finally:
            await self._drop_producer()

    async def turn(self) -> int:
        """Publish the oldest rows; how many (0: nothing waits, or another relay works)."""
        async with self._pg.transaction(SYSTEM, store=StoreName.KAFKA) as tx:
            if not (await tx.fetch("select pg_try_advisory_xact_lock($1)", RELAY_LOCK))[0][0]:
                return 0
            rows = await tx.fetch(_OLDEST, list(BY_NAME), AT_ONCE)
            if not rows:
                if monotonic() - self._forgot_at > FORGET_EVERY:
                    await tx.execute(FORGET, RETENTION)
                    self._forgot_at = monotonic()
                return 0
            return await self._publish(tx, rows)

    async def _publish(self, tx: Transaction, rows: list[Any]) -> int:
        by_partition: dict[tuple[str, int], list[Any]] = defaultdict(list)
        for row in rows:
            by_partition[row["topic"], row["partition"]].append(row)
        producer = await self._started_producer()
        sent = []
        async with asyncio.timeout(PUBLISH_DEADLINE):
            for (topic, partition), waiting in by_partition.items():
                batch, taken = _filled(producer.create_batch(), waiting)
                sent.append((taken, await producer.send_batch(batch, topic, partition=partition)))
            answers = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
        marks: list[tuple[int, int]] = []
        failures = []
        for (taken, _), answer in zip(sent, answers, strict=True):
            if isinstance(answer, BaseException):
                failures.append(answer)
            else:
                marks += [(row["position"], answer.offset + nth) for nth, row in enumerate(taken)]
        if marks:
            positions, offsets = map(list, zip(*marks, strict=True))
            await tx.execute(_MARK, positions, offsets)
        if failures:
            # What was acknowledged stays marked; the rest goes out again through a new producer.
            log.warning("%d partitions refused their events: %s", len(failures), failures[0])
            await self._drop_producer()
            if not marks:
                raise failures[0]
        return len(marks)

    async def _started_producer(self) -> Any:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._connection,
                enable_idempotence=True,
                acks="all",
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=5000,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 5)


def _filled(batch: Any, waiting: list[Any]) -> tuple[Any, list[Any]]:
    """As many of the rows as one batch holds, from the first on."""
    taken = []
    for row in waiting:
        headers = [
            ("event_id", str(row["event_id"]).encode()),
            ("type", row["type"].encode()),
            ("version", str(row["version"]).encode()),
            ("at", str(row["at"]).encode()),
        ]
        fits = batch.append(
            timestamp=row["at"], key=row["key"].encode(), value=row["payload"].encode(), headers=headers
        )
        if fits is None:
            break
        taken.append(row)
    batch.close()
    return batch, taken
