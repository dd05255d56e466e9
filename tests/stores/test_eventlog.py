"""Does the outbox keep the promise of the event log? Kafka: `tests/real`."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka

from datadir.errors import StoreMisconfigured, StoreUnavailable
from datadir.kafka import topics
from datadir.kafka.client import KafkaEventLog
from datadir.kafka.embedded import EmbeddedEventLog
from datadir.kafka.event import Event
from datadir.kafka.opening import Brokers
from datadir.kafka.relay import FORGET, RETENTION
from datadir.kafka.topics import TOPICS, murmur2
from tests.stores.eventlog_contract import (
    PATIENCE,
    TOPIC,
    EventLogContract,
    Starter,
    append,
    batches_about,
    event,
    one_key_per_partition,
    receive,
    started,
)
from tests.stores.postgres_fixture import Database


class TestEmbedded(EventLogContract):
    """The outbox as the log."""

    implementation = "PostgreSQL 18, embedded"

    @pytest.fixture
    def log(self, database: Database) -> EmbeddedEventLog:
        return EmbeddedEventLog(database.pg, database.keys, lease=1.0, poll=0.02)

    @pytest.fixture
    def child(self, database: Database) -> Starter:
        return lambda group: started("embedded", database, group)

    async def test_a_member_that_was_taken_for_dead_cannot_commit(
        self, log: EmbeddedEventLog, database: Database
    ) -> None:
        key, group = str(uuid4()), f"g-{uuid4()}"
        await append(log, database, event(key))
        patient = EmbeddedEventLog(database.pg, database.keys, lease=3600, poll=0.02)
        async with batches_about(patient.subscribe(group, [TOPIC]), [key]) as batches:
            batch = await anext(batches)
            await database.owner.execute(
                "update embedded.consumer_member set expires_at = now() where group_name = $1", group
            )
            assert len(await receive(log, group, [key], 1)) == 1
            assert not await batch.commit()

    async def test_three_members_hold_a_third_each(self, log: EmbeddedEventLog, database: Database) -> None:
        group, stop = f"g-{uuid4()}", asyncio.Event()

        async def member() -> None:
            async with log.subscribe(group, [each.name for each in TOPICS], stop=stop) as subscription:
                async for batch in subscription:
                    await batch.commit()

        members = [asyncio.create_task(member()) for _ in range(3)]
        shares: list[int] = []
        async with asyncio.timeout(PATIENCE):
            while shares != [18, 18, 18]:
                await asyncio.sleep(0.02)
                rows = await database.owner.fetch(
                    "select count(*) from embedded.consumer where group_name = $1 and member_id is not null "
                    "group by member_id",
                    group,
                )
                shares = [row[0] for row in rows]
            stop.set()
            await asyncio.gather(*members)
        left = "select count(*) from embedded.consumer where group_name = $1 and member_id is not null"
        assert await database.owner.fetchval(left, group) == 0

    async def test_offsets_have_no_gaps_whoever_publishes(self, log: EmbeddedEventLog, database: Database) -> None:
        key = str(uuid4())

        async def write_and_read(nth: int) -> None:
            await append(log, database, event(key, nth))
            await log.read_from(TOPIC, 0, 0, 1)

        await asyncio.gather(*map(write_and_read, range(40)))
        rows = await database.owner.fetch(
            "select partition, array_agg(log_offset order by log_offset) from outbox "
            "where topic = $1 and log_offset is not null group by partition",
            TOPIC,
        )
        assert rows
        for _, offsets in rows:
            assert offsets == list(range(len(offsets)))

    async def test_a_log_that_cannot_be_reached_for_a_while_ends_no_subscription(
        self, log: EmbeddedEventLog, database: Database
    ) -> None:
        key = str(uuid4())
        async with batches_about(log.subscribe(f"g-{uuid4()}", [TOPIC]), [key]) as batches:
            await append(log, database, event(key, 1))
            assert await (await anext(batches)).commit()
            await database.owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and application_name = 'studygraph'"
            )
            second = asyncio.create_task(self.appended_in_the_end(log, database, event(key, 2)))
            batch = await anext(batches)
            assert [each.event.payload["nth"] for each in batch.deliveries if each.event.key == key] == [2]
            await second

    async def appended_in_the_end(self, log: EmbeddedEventLog, database: Database, sent: Event) -> None:
        """Append through a pool of which some connections are dead."""
        while True:
            try:
                await append(log, database, sent)
                return
            except StoreUnavailable:
                await asyncio.sleep(0.02)


async def test_kafka_that_is_not_there_is_a_sentence(database: Database) -> None:
    with pytest.raises(
        StoreMisconfigured,
        match=r"^KAFKA_BOOTSTRAP_SERVERS names a server that does not answer: nothing listens at 127\.0\.0\.1:9\.$",
    ):
        await KafkaEventLog.open(Brokers("127.0.0.1:9"), database.pg, database.keys)


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_the_hash_is_kafkas(text: str, hashed: int) -> None:
    """The vectors of Kafka's own UtilsTest."""
    assert murmur2(text.encode()) == hashed & 0xFFFFFFFF
    assert murmur2_of_aiokafka(text.encode()) == hashed & 0xFFFFFFFF


def test_topics_md_lists_the_topics() -> None:
    table = (Path(topics.__file__).parent / "topics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (\d+) \| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE)
    assert [(name, int(partitions), key, about) for name, partitions, key, about in rows] == list(TOPICS)


async def test_the_outbox_forgets_nothing_that_is_younger_than_its_retention(database: Database) -> None:
    old, young, waiting = (event(str(uuid4())) for _ in range(3))
    await append(EmbeddedEventLog(database.pg, database.keys), database, old, young, waiting)
    ids = [old.event_id, young.event_id, waiting.event_id]
    transaction = database.owner.transaction()
    await transaction.start()
    await database.owner.execute("delete from outbox where event_id <> all($1)", ids)
    ages = "update outbox set published_at = now() - $2::interval where event_id = $1"
    await database.owner.execute(ages, old.event_id, timedelta(days=7, seconds=1))
    await database.owner.execute(ages, young.event_id, timedelta(days=6))
    await database.owner.execute("update outbox set published_at = null where event_id = $1", waiting.event_id)
    assert await database.owner.execute(FORGET, RETENTION) == "DELETE 1"
    left = await database.owner.fetch("select event_id from outbox order by position")
    assert [row[0] for row in left] == ids[1:]
    await transaction.rollback()


def test_each_test_key_has_its_own_partition() -> None:
    assert len(set(one_key_per_partition())) == 12
