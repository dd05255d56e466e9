"""Which sentence is read where a server is too old for the program?"""

from __future__ import annotations

import pytest

from datadir.cassandra.client import CassandraSeries
from datadir.errors import StoreMisconfigured
from datadir.kafka.client import KafkaEventLog
from datadir.kafka.opening import Brokers
from datadir.migrations import migrate
from datadir.mongodb.client import Documents
from datadir.qdrant.opening import connected
from datadir.redis.client import Redis
from tests.stores import old_servers
from tests.stores.old_servers import talking
from tests.stores.postgres_fixture import Database


async def test_postgresql_14() -> None:
    async with talking(old_servers.postgresql("14.9 (Debian 14.9-1)")) as port:
        with pytest.raises(StoreMisconfigured) as refused:
            await migrate.upgrade(f"postgresql://school@127.0.0.1:{port}/school")
    assert str(refused.value) == (f"PostgreSQL at 127.0.0.1:{port} is version 14.9, and the program needs 15 or newer.")


async def test_redis_6() -> None:
    async with talking(old_servers.redis("6.2.14")) as port:
        with pytest.raises(StoreMisconfigured) as refused:
            await Redis.open(f"redis://127.0.0.1:{port}/0")
    assert str(refused.value) == "REDIS_URL names Redis 6.2.14, and the program needs 7 or newer, or Valkey."


@pytest.mark.parametrize(
    "about",
    [
        {"version": "7.0.0"},
        {"version": "10.0.1"},
        # What it says for those who know Redis only is the version that it came from.
        {"version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.0"},
    ],
)
async def test_redis_7_and_valkey_are_new_enough(about: dict[str, str]) -> None:
    async with talking(old_servers.redis(**about)) as port:
        await (await Redis.open(f"redis://127.0.0.1:{port}/0")).close()


@pytest.mark.parametrize(
    ("version", "wire", "sentence"),
    [
        ("6.0.19", 17, "MONGODB_URL names MongoDB 6.0.19, and the program needs 7 or newer."),
        # Older than what pymongo still speaks with.
        ("3.6.23", 6, "MONGODB_URL names a MongoDB that is too old: the program needs 7 or newer."),
    ],
)
async def test_an_old_mongodb(version: str, wire: int, sentence: str) -> None:
    async with talking(old_servers.mongodb(version, wire)) as port:
        with pytest.raises(StoreMisconfigured) as refused:
            await Documents.open(f"mongodb://127.0.0.1:{port}/school", min_connections=0)
    assert str(refused.value) == sentence


async def test_mongodb_7_is_new_enough() -> None:
    async with talking(old_servers.mongodb("7.0.14", 21)) as port:
        await (await Documents.open(f"mongodb://127.0.0.1:{port}/school", min_connections=0)).close()


async def test_qdrant_1_9() -> None:
    async with talking(old_servers.qdrant("1.9.2")) as port:
        with pytest.raises(StoreMisconfigured) as refused:
            await connected("127.0.0.1", port, api_key=None)
    assert str(refused.value) == "QDRANT_HOST names Qdrant 1.9.2, and the program needs 1.10 or newer."


@pytest.mark.parametrize("version", ["1.10.0", "1.18.3", "2.0.0-dev"])
async def test_a_newer_qdrant_is_new_enough(version: str) -> None:
    async with talking(old_servers.qdrant(version)) as port:
        await (await connected("127.0.0.1", port, api_key=None)).close()


async def test_cassandra_3() -> None:
    async with talking(old_servers.cassandra_3) as port:
        with pytest.raises(StoreMisconfigured) as refused:
            await CassandraSeries.open(["127.0.0.1"], port=port, secret="one")
    assert str(refused.value) == f"Cassandra at 127.0.0.1:{port} is too old: the program needs 4.0 or newer."


async def test_kafka_0_9(database: Database) -> None:
    async with talking(old_servers.kafka_0_9) as port:
        with pytest.raises(StoreMisconfigured) as refused:
            await KafkaEventLog.open(Brokers(f"127.0.0.1:{port}"), database.pg, database.keys)
    assert str(refused.value) == f"Kafka at 127.0.0.1:{port} is too old for the program."
