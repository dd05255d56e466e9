"""Does each stand-in say what it lacks of the schema, without making it, and does the next start make that?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from datadir.addresses import Addresses
from datadir.cassandra import embedded as series
from datadir.cassandra import pending as series_pending
from datadir.cassandra.tables import TABLES
from datadir.data_folder import DataFolder, claim
from datadir.kafka import embedded as events
from datadir.kafka import pending as events_pending
from datadir.migrations.pending import CHECKS, Place
from datadir.minio import pending as objects_pending
from datadir.minio.embedded import FolderObjects
from datadir.mongodb import pending as documents_pending
from datadir.mongodb.client import Documents
from datadir.mongodb.collections import COLLECTIONS
from datadir.names import StoreName
from datadir.postgresql.embedded import DATABASE, PostgresAddress
from datadir.qdrant import embedded as vectors
from datadir.qdrant import pending as vectors_pending
from datadir.qdrant.collections import COLLECTIONS as VECTORS
from datadir.qdrant.collections import DOCUMENTS
from tests.stores.qdrant_contract import point

EMBEDDED = Addresses(secret="one", public_url="http://school.test")


def place(started: Mapping[StoreName, Any] | None = None, folder: DataFolder | None = None) -> Place:
    return Place(EMBEDDED, folder, started or {})


def test_every_store_that_has_a_schema_is_looked_at() -> None:
    assert set(CHECKS) == set(StoreName) - {StoreName.REDIS}


class TestDocuments:
    """MongoDB's stand-in, a database of its own."""

    @pytest.fixture
    def url(self, mongodb_url: str) -> str:
        return mongodb_url.replace("/studygraph?", f"/pending_{uuid4().hex[:8]}?")

    async def test_collections_indexes_and_expiries(self, url: str) -> None:
        there = place({StoreName.MONGODB: url})
        every = [f"collection {collection.name}" for collection in COLLECTIONS]
        for _ in range(2):  # looking makes nothing
            assert await documents_pending.pending(there) == every
        documents = await Documents.open(url, min_connections=1)
        await documents.prepare()
        assert await documents_pending.pending(there) == []
        await documents.raw["quiz_attempts"].drop_index("newest_of_course")
        await documents.raw.command("collMod", "activity_logs", index={"name": "expiry", "expireAfterSeconds": 60})
        await documents.raw.drop_collection("learning_sessions")
        for _ in range(2):
            assert await documents_pending.pending(there) == [
                "expiry of index expiry of activity_logs",
                "collection learning_sessions",
                "index newest_of_course of quiz_attempts",
            ]
        await documents.prepare()
        assert await documents_pending.pending(there) == []
        expiry = (await documents.raw["activity_logs"].index_information())["expiry"]
        assert expiry["expireAfterSeconds"] == 90 * 24 * 60 * 60
        await documents.raw.client.drop_database(documents.raw.name)
        await documents.close()


class TestStandInsInPostgresql:
    """The tables of Cassandra's and Kafka's stand-ins, in a database of their own."""

    @pytest_asyncio.fixture
    async def address(self, postgres_address: PostgresAddress) -> AsyncIterator[PostgresAddress]:
        name = f"pending_{uuid4().hex[:12]}"
        server = await asyncpg.connect(postgres_address.owner_dsn)
        await server.execute(f"create database {name}")
        yield postgres_address._replace(owner_dsn=postgres_address.owner_dsn.replace(f"/{DATABASE}?", f"/{name}?"))
        await server.execute(f"drop database {name} with (force)")
        await server.close()

    @pytest_asyncio.fixture
    async def owner(self, address: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
        owner = await asyncpg.connect(address.owner_dsn)
        yield owner
        await owner.close()

    async def test_tables_and_columns_of_the_series(self, address: PostgresAddress, owner: asyncpg.Connection) -> None:
        there = place({StoreName.POSTGRESQL: address})
        for _ in range(2):
            assert await series_pending.pending(there) == [f"table {table.name}" for table in TABLES]
        await series.prepare(owner)
        assert await series_pending.pending(there) == []
        await owner.execute("insert into embedded.learning_progress values (gen_random_uuid(), 'art', '2026-03-02')")
        await owner.execute("alter table embedded.learning_progress drop column topics_mastered, drop average_score")
        await owner.execute("drop table embedded.events")
        for _ in range(2):
            assert await series_pending.pending(there) == [
                "column average_score of learning_progress",
                "column topics_mastered of learning_progress",
                "table events",
            ]
        await series.prepare(owner)
        assert await series_pending.pending(there) == []
        assert await owner.fetchval("select count(*) from embedded.learning_progress where average_score is null") == 1

    async def test_tables_of_the_event_log(self, address: PostgresAddress, owner: asyncpg.Connection) -> None:
        there = place({StoreName.POSTGRESQL: address})
        for _ in range(2):
            assert await events_pending.pending(there) == [f"table {name}" for name in events.TABLES]
        await events.prepare(owner)
        assert await events_pending.pending(there) == []
        await owner.execute("drop table embedded.consumer")
        assert await events_pending.pending(there) == ["table consumer"]
        await events.prepare(owner)
        assert await events_pending.pending(there) == []


class TestFolders:
    """The stand-ins that are folders of the data folder."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Iterator[DataFolder]:
        with claim(tmp_path / "data") as folder:
            yield folder

    async def test_indexes_of_vectors_that_are_there(self, folder: DataFolder) -> None:
        there = place(folder=folder)
        older = replace(DOCUMENTS, indexes={"classroom_id": "keyword"})
        edge = await vectors.opened(folder.path / "qdrant")
        await edge.ensure([older])
        await edge.upsert("documents", [point(1, [1.0] * 384)])
        await edge.close()
        missing = [
            "index document_type of documents",
            "index document_id of documents",
            "index created_at of documents",
        ]
        for _ in range(2):
            assert await vectors_pending.pending(there) == missing
        edge = await vectors.opened(folder.path / "qdrant")
        await edge.ensure(VECTORS)
        await edge.close()
        assert await vectors_pending.pending(there) == []

    async def test_the_folder_of_objects(self, folder: DataFolder) -> None:
        there = place(folder=folder)
        assert await objects_pending.pending(there) == ["folder objects"]
        objects = await FolderObjects.open(folder.path / "minio", public_url="http://school.test", secret="one")
        await objects.close()
        assert await objects_pending.pending(there) == []
