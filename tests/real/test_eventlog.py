"""Do Kafka and the outbox in an old PostgreSQL keep the promise of the event log?"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from datadir.kafka.client import EventLog, KafkaEventLog
from datadir.kafka.embedded import EmbeddedEventLog
from datadir.kafka.opening import Brokers
from datadir.kafka.sealing import Wrapping
from datadir.postgresql.client import Postgres
from datadir.postgresql.learner_keys import LearnerKeys
from tests.servers.server import Server
from tests.stores.eventlog_contract import (
    PATIENCE,
    TOPIC,
    EventLogContract,
    Starter,
    append,
    event,
    learner,
    receive,
    started,
    visit,
)
from tests.stores.postgres_fixture import SECRET, Database
from tests.stores.relay import relay_to, through


@pytest_asyncio.fixture(scope="module")
async def kafka(database_16: Database, kafka_server: Server) -> AsyncIterator[KafkaEventLog]:
    """The log with its outbox on PostgreSQL 16, and the relay between them at work."""
    brokers = Brokers(kafka_server.settings["KAFKA_BOOTSTRAP_SERVERS"])
    log = await KafkaEventLog.open(brokers, database_16.pg, database_16.keys, session=6.0)
    stop = asyncio.Event()
    relay = asyncio.create_task(log.publish_until(stop))
    yield log
    stop.set()
    await relay
    await log.close()


def batches(segment: bytes) -> Iterator[tuple[int, int]]:
    """Of each batch in a file of a topic the producer's id and the number of its first record there."""
    at = 0
    while at + 61 <= len(segment):
        [length] = struct.unpack_from(">i", segment, at + 8)
        if length == 0:  # the file is longer than what was written
            return
        yield struct.unpack_from(">q2xi", segment, at + 43)
        at += 12 + length


class TestKafka(EventLogContract):
    """A broker of its own."""

    implementation = "Kafka 4"

    @pytest.fixture
    def database(self, database_16: Database) -> Database:
        return database_16

    @pytest.fixture
    def log(self, kafka: KafkaEventLog) -> KafkaEventLog:
        return kafka

    @pytest.fixture
    def child(self, database: Database, kafka_server: Server) -> Starter:
        return lambda group: started(kafka_server.settings["KAFKA_BOOTSTRAP_SERVERS"], database, group)

    async def test_a_relay_that_died_before_its_mark_sends_the_same_event_again(
        self, log: EventLog, database: Database
    ) -> None:
        key = str(uuid4())
        sent = event(key, 1)
        await append(log, database, sent)
        [first] = await receive(log, f"g-{uuid4()}", [key], 1)
        unmark = (
            "update outbox set published_at = null, log_offset = null where event_id = $1 and published_at is not null"
        )
        async with asyncio.timeout(PATIENCE):
            while await database.owner.execute(unmark, sent.event_id) != "UPDATE 1":
                pass  # the relay has not marked it yet
        both = await receive(log, f"g-{uuid4()}", [key], 2)
        assert [each.event for each in both] == [first.event, first.event]
        assert both[0].offset < both[1].offset

    async def test_a_published_row_knows_its_offset(self, log: EventLog, database: Database) -> None:
        key = str(uuid4())
        await append(log, database, *(event(key, nth) for nth in range(3)))
        got = await receive(log, f"g-{uuid4()}", [key], 3)
        offsets: list[int] = []
        async with asyncio.timeout(PATIENCE):
            while len(offsets) < 3:
                rows = await database.owner.fetch(
                    "select log_offset from outbox where key = $1 and published_at is not null order by position", key
                )
                offsets = [row[0] for row in rows]
        assert offsets == [each.offset for each in got]

    async def test_many_large_events_go_out_in_order(self, log: EventLog, database: Database) -> None:
        key = str(uuid4())
        await append(log, database, *(event(key, nth, text="x" * 200_000) for nth in range(12)))
        got = await receive(log, f"g-{uuid4()}", [key], 12)
        assert [each.event.payload["nth"] for each in got] == list(range(12))

    async def test_the_broker_knows_the_producer_and_the_number_of_every_batch(
        self, log: EventLog, database: Database, kafka_server: Server
    ) -> None:
        """So a batch that the producer sends once more, because it heard no answer, is written once."""
        key = str(uuid4())
        await append(log, database, *(event(key, nth) for nth in range(3)))
        [first, *_] = await receive(log, f"g-{uuid4()}", [key], 3)
        if not kafka_server.processes:  # a broker of somebody else's, whose files are not here
            return
        files = kafka_server.process.program.cwd / "log" / f"{first.event.topic}-{first.partition}"
        producers = [producer for file in files.glob("*.log") for producer, _ in batches(file.read_bytes())]
        numbers = [number for file in files.glob("*.log") for _, number in batches(file.read_bytes())]
        assert len(producers) >= 1
        assert min(producers) >= 0, "without idempotence it is -1"
        assert min(numbers) >= 0

    async def test_a_topic_holds_no_personal_text(
        self, log: EventLog, database: Database, kafka_server: Server
    ) -> None:
        somebody = await learner(database)
        await append(log, database, visit(somebody, "/my-secret-page", q="my-secret-question"))
        [got] = await receive(log, f"g-{uuid4()}", [str(somebody)], 1)
        where = TopicPartition(TOPIC, got.partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka_server.settings["KAFKA_BOOTSTRAP_SERVERS"])
        await consumer.start()
        try:
            consumer.assign([where])
            consumer.seek(where, got.offset)
            record = await asyncio.wait_for(consumer.getone(where), PATIENCE)
        finally:
            await consumer.stop()
        resting = orjson.loads(record.value)
        assert {name: list(each) for name, each in resting.items() if isinstance(each, dict)} == {
            "page": ["sealed"],
            "properties": ["sealed"],
        }
        assert b"my-secret" not in record.value
        assert dict(record.headers)["version"] == b"1"

    async def test_keys_that_cannot_be_read_hold_events_back_and_lose_none(
        self, log: EventLog, database: Database, kafka_server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        somebody = await learner(database)
        sent = [visit(somebody, f"/{nth}") for nth in range(3)]
        brokers = Brokers(kafka_server.settings["KAFKA_BOOTSTRAP_SERVERS"])
        async with relay_to(database.dsn).listening() as relay:
            frail = await Postgres.open(through(database.dsn, relay), min_size=1)
            reader = await KafkaEventLog.open(brokers, frail, LearnerKeys(frail, Wrapping(SECRET)), session=6.0)
            await relay.refuse()
            await append(log, database, *sent)
            reading = asyncio.create_task(receive(reader, f"g-{uuid4()}", [str(somebody)], 3))
            async with asyncio.timeout(PATIENCE):
                while not any("postgresql is not available" in each for each in caplog.messages):
                    await asyncio.sleep(0.05)
            assert not reading.done()
            await relay.heal()
            assert [each.event for each in await reading] == sent
            await reader.close()
            await frail.close()


class TestOutboxOnPostgreSQL15(EventLogContract):
    """The outbox as the log, on the oldest server that the program runs on."""

    implementation = "PostgreSQL 15"

    @pytest.fixture
    def database(self, database_15: Database) -> Database:
        return database_15

    @pytest.fixture
    def log(self, database: Database) -> EmbeddedEventLog:
        return EmbeddedEventLog(database.pg, database.keys, lease=1.0, poll=0.02)

    @pytest.fixture
    def child(self, database: Database) -> Starter:
        return lambda group: started("embedded", database, group)
