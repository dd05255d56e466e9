"""Does `migrate --check` find on real servers what they lack, without making it, and does the next start make that?"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from datadir.addresses import Addresses
from datadir.cassandra import pending as series_pending
from datadir.cassandra.client import CassandraSeries
from datadir.cassandra.tables import LEARNING_PROGRESS, Column, Kind, LearningWeek, SeriesTable
from datadir.errors import StoreMisconfigured
from datadir.kafka import pending as events_pending
from datadir.kafka.topics import TOPICS
from datadir.migrations.pending import Place
from datadir.minio import pending as objects_pending
from datadir.minio.client import S3Objects
from datadir.mongodb import pending as documents_pending
from datadir.mongodb.client import Documents
from datadir.mongodb.collections import COLLECTIONS
from datadir.qdrant import opening
from datadir.qdrant import pending as vectors_pending
from datadir.qdrant.collections import COLLECTIONS as VECTORS
from tests.servers.server import Server

MONDAY = date(2026, 3, 2)


class OlderWeek(NamedTuple):
    """A row of an older release, which knew less."""

    user_id: UUID
    subject: str
    week_start: date
    lessons_completed: int
    time_spent_minutes: int


OLDER = SeriesTable(
    "learning_progress",
    OlderWeek,
    LEARNING_PROGRESS.partition,
    LEARNING_PROGRESS.clustering,
    LEARNING_PROGRESS.values[:2],
    about="What an older release has made",
)


def at(**where: Any) -> Place:
    return Place(Addresses(secret="one", public_url="http://school.test", **where), None, {})


class TestSeries:
    """Cassandra."""

    async def opened(self, server: Server, keyspace: str, *tables: SeriesTable[Any]) -> CassandraSeries:
        host, port = server.settings["CASSANDRA_HOST"], int(server.settings["CASSANDRA_PORT"])
        return await CassandraSeries.open([host], port=port, secret="one", keyspace=keyspace, tables=tables)

    async def missing(self, server: Server, keyspace: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What the check says of one keyspace with one table."""
        monkeypatch.setattr(series_pending, "KEYSPACE", keyspace)
        monkeypatch.setattr(series_pending, "TABLES", (LEARNING_PROGRESS,))
        host, port = server.settings["CASSANDRA_HOST"], int(server.settings["CASSANDRA_PORT"])
        return await series_pending.pending(at(cassandra_host=host, cassandra_port=port))

    async def test_keyspace_tables_and_columns(self, cassandra_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        keyspace = f"pending_{uuid4().hex[:12]}"
        for _ in range(2):  # looking makes nothing
            missing = await self.missing(cassandra_server, keyspace, monkeypatch)
            assert missing == [f"keyspace {keyspace}", "table learning_progress"]
        before = await self.opened(cassandra_server, keyspace, OLDER)
        who = uuid4()
        await before.write(OLDER, [OlderWeek(who, "art", MONDAY, 3, 45)])
        for _ in range(2):
            assert await self.missing(cassandra_server, keyspace, monkeypatch) == [
                "column average_score of learning_progress",
                "column topics_mastered of learning_progress",
            ]
        now = await self.opened(cassandra_server, keyspace, LEARNING_PROGRESS)
        week = LearningWeek(who, "art", MONDAY, 3, 45, None, frozenset())  # type: ignore[arg-type]
        assert await now.read(LEARNING_PROGRESS, [(who, "art")]) == [[week]]
        assert await self.missing(cassandra_server, keyspace, monkeypatch) == []
        assert await before.read(OLDER, [(who, "art")]) == [[OlderWeek(who, "art", MONDAY, 3, 45)]]
        await asyncio.to_thread(now._session.execute, f"DROP KEYSPACE {keyspace}", timeout=20)
        await before.close()
        await now.close()

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"partition": LEARNING_PROGRESS.partition[:1]}, "has another primary key: move it away"),
            ({"values": (Column("lessons_completed", Kind.TEXT),)}, "lessons_completed of .* is text, not int: move"),
        ],
    )
    async def test_a_table_that_is_not_ours_is_a_sentence(
        self, cassandra_server: Server, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], sentence: str
    ) -> None:
        keyspace = f"pending_{uuid4().hex[:12]}"
        shape = {name: getattr(OLDER, name) for name in ("partition", "clustering", "values")} | change
        columns = [column for part in shape.values() for column in part]
        row: Any = NamedTuple("Foreign", [(column.name, object) for column in columns])  # type: ignore[misc]
        foreign = await self.opened(
            cassandra_server, keyspace, SeriesTable("learning_progress", row, about="another's", **shape)
        )
        with pytest.raises(StoreMisconfigured, match=sentence):
            await self.missing(cassandra_server, keyspace, monkeypatch)
        with pytest.raises(StoreMisconfigured, match=sentence):
            await self.opened(cassandra_server, keyspace, LEARNING_PROGRESS)
        await asyncio.to_thread(foreign._session.execute, f"DROP KEYSPACE {keyspace}", timeout=20)
        await foreign.close()


async def without(admin: AIOKafkaAdminClient, *topics: str) -> None:
    """Delete topics, and wait until the broker knows them no more."""
    await admin.delete_topics(list(topics))
    async with asyncio.timeout(20):
        while set(topics) & set(await admin.list_topics()):
            await asyncio.sleep(0.05)


async def test_topics(kafka_server: Server) -> None:
    brokers = kafka_server.settings["KAFKA_BOOTSTRAP_SERVERS"]
    there = at(kafka_bootstrap_servers=brokers)
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    await events_pending.prepare(admin, 1)
    assert await events_pending.pending(there) == []
    # Nobody else here reads or writes these two.
    await without(admin, "tutor.requests", "library.events")
    for _ in range(2):  # looking makes nothing
        assert await events_pending.pending(there) == ["topic library.events", "topic tutor.requests"]
    await events_pending.prepare(admin, 1)
    assert await events_pending.pending(there) == []
    # A topic that a broker cannot make is a sentence, and so is one that has another shape.
    await without(admin, "tutor.requests")
    with pytest.raises(StoreMisconfigured, match=r"^Kafka does not create topic tutor\.requests: ") as refused:
        await events_pending.prepare(admin, 9)
    assert "replication" in str(refused.value)
    await admin.create_topics([NewTopic("tutor.requests", 2, 1)])
    for attempt in (events_pending.pending(there), events_pending.prepare(admin, 1)):
        with pytest.raises(StoreMisconfigured) as refused:
            await attempt
        assert str(refused.value) == "Topic tutor.requests has 2 partitions, it needs 6."
    await without(admin, "tutor.requests")
    await events_pending.prepare(admin, 1)
    shapes = {topic.name: topic.partitions for topic in TOPICS}
    async with asyncio.timeout(10):
        # Who has just made a topic may be told of it a moment later.
        while shapes.items() - {(each["topic"], len(each["partitions"])) for each in await admin.describe_topics()}:
            await asyncio.sleep(0.05)
    await admin.close()


async def test_collections(mongodb_server: Server) -> None:
    server, _, options = mongodb_server.settings["MONGODB_URL"].partition("?")
    url = f"{server.rpartition('/')[0]}/pending_{uuid4().hex[:8]}?{options}"
    there = at(mongodb_url=url)
    for _ in range(2):
        every = [f"collection {collection.name}" for collection in COLLECTIONS]
        assert await documents_pending.pending(there) == every
    documents = await Documents.open(url, min_connections=1)
    await documents.prepare()
    assert await documents_pending.pending(there) == []
    await documents.raw["transcripts"].drop_index("one_per_meeting")
    assert await documents_pending.pending(there) == ["index one_per_meeting of transcripts"]
    await documents.raw.client.drop_database(documents.raw.name)
    await documents.close()


async def test_vector_collections(qdrant_server: Server) -> None:
    where = qdrant_server.settings
    there = at(
        qdrant_host=where["QDRANT_HOST"],
        qdrant_port=int(where["QDRANT_PORT"]),
        qdrant_api_key=where.get("QDRANT_API_KEY"),
    )
    vectors = await opening.connected(
        where["QDRANT_HOST"], int(where["QDRANT_PORT"]), api_key=where.get("QDRANT_API_KEY")
    )
    await vectors.ensure(VECTORS)
    assert await vectors_pending.pending(there) == []
    await vectors._client.delete_payload_index("web_content", "topic")
    for _ in range(2):
        assert await vectors_pending.pending(there) == ["index topic of web_content"]
    await vectors.ensure(VECTORS)
    assert await vectors_pending.pending(there) == []
    await vectors.close()


async def test_the_bucket(s3_server: Server) -> None:
    settings, bucket = s3_server.settings, f"pending-{uuid4().hex[:12]}"
    keys = {"access_key": settings["AWS_ACCESS_KEY_ID"], "secret_key": settings["AWS_SECRET_ACCESS_KEY"]}
    there = at(
        s3_endpoint_url=settings["S3_ENDPOINT_URL"],
        s3_bucket=bucket,
        s3_access_key=keys["access_key"],
        s3_secret_key=keys["secret_key"],
    )
    for _ in range(2):
        assert await objects_pending.pending(there) == [f"bucket {bucket}"]
    objects = await S3Objects.open(settings["S3_ENDPOINT_URL"], bucket, region=settings["AWS_REGION"], **keys)
    assert await objects_pending.pending(there) == []
    await objects._client.delete_bucket(Bucket=bucket)
    await objects.close()
