"""Is there anything in the stores of a running school that the list of learners does not know?

`tests/stores/test_learners.py` compares the list with what is declared; this looks at what is really there."""

from __future__ import annotations

from typing import Any

import asyncpg

from datadir.kafka.event_types import type_of
from datadir.learners import held_in
from datadir.minio.prefixes import prefix_of
from datadir.names import StoreName
from datadir.qdrant.collections import COLLECTIONS
from tests.redis_keys import families
from tests.running_school import RunningSchool


async def rows(school: RunningSchool, statement: str) -> list[Any]:
    owner = await asyncpg.connect(school.owner_dsn)
    found: list[Any] = await owner.fetch(statement)
    await owner.close()
    return found


async def test_no_table_and_no_series(school: RunningSchool) -> None:
    tables = await rows(
        school, "select schemaname, tablename from pg_tables where schemaname in ('public', 'embedded')"
    )
    assert len(tables) > 30
    for schema, table in tables:
        if schema == "public":
            held_in(StoreName.POSTGRESQL, table)
        elif table in ("log_end", "consumer", "consumer_member"):
            held_in(StoreName.POSTGRESQL, f"{schema}.{table}")
        else:
            held_in(StoreName.CASSANDRA, table)


async def test_no_collection(school: RunningSchool) -> None:
    names = await school.services.stores.documents.raw.list_collection_names()
    assert "transcripts" in names
    for name in names:
        held_in(StoreName.MONGODB, name)


async def test_no_key(school: RunningSchool) -> None:
    await school.ask("{ viewer { id } }")
    keys = [key async for key in school.services.stores.redis.raw.scan_iter("*")]
    found = {key: families(key) for key in keys}
    assert {"session:{<user_id>}.<random>", "presence:{<user_id>}"} <= {
        each.pattern for those in found.values() for each in those
    }
    for key, those in found.items():
        assert len(those) == 1, key
        held_in(StoreName.REDIS, those[0].pattern)


async def test_no_vectors_and_no_field_of_theirs(school: RunningSchool) -> None:
    declared = {collection.name: collection for collection in COLLECTIONS}
    there = [path.name for path in (school.folder.path / "qdrant").iterdir()]
    assert "documents" in there
    for name in there:
        held_in(StoreName.QDRANT, name)
        page = await school.services.stores.vectors.scroll(name, limit=1)
        assert page.records[0].payload.keys() <= declared[name].payload.keys()


async def test_no_topic_and_no_type_of_events(school: RunningSchool) -> None:
    for topic, kind in await rows(school, "select distinct topic, type from outbox"):
        held = held_in(StoreName.KAFKA, topic)
        assert type_of(topic, kind).learner in (*held.learner, *held.others)


async def test_no_object(school: RunningSchool) -> None:
    prefixes = [path.name for path in (school.folder.path / "minio" / "objects").iterdir()]
    assert {"recordings", "documents"} <= set(prefixes)
    for prefix in prefixes:
        held_in(StoreName.MINIO, prefix)
        for found in await school.services.stores.objects.list(prefix):
            assert prefix_of(found.key) is not None, found.key
