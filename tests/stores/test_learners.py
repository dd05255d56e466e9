"""Does the list of learners name everything that the stores hold, and nothing that they do not?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import datadir
from datadir.cassandra.tables import TABLES as SERIES
from datadir.kafka.embedded import TABLES as LOG_TABLES
from datadir.kafka.event_types import EVENT_TYPES, KEY
from datadir.kafka.topics import BY_NAME, TOPICS
from datadir.learners import HELD, Held, held_in
from datadir.minio.prefixes import PREFIXES
from datadir.mongodb.collections import COLLECTIONS
from datadir.names import StoreName
from datadir.postgresql.tables import metadata
from datadir.qdrant.collections import COLLECTIONS as VECTORS
from datadir.redis.keys import PATTERNS
from tests.stores.postgres_fixture import Database
from tests.stores.series_contract import CONTRACT_TABLES

DATADIR = Path(datadir.__path__[0])
BESIDE_THE_MODELS = {"alembic_version", *(f"embedded.{name}" for name in LOG_TABLES)}
DECLARED = {
    StoreName.POSTGRESQL: {*metadata.tables, *BESIDE_THE_MODELS},
    StoreName.MONGODB: {each.name for each in COLLECTIONS},
    StoreName.REDIS: {each.pattern for each in PATTERNS},
    StoreName.QDRANT: {each.name for each in VECTORS},
    StoreName.CASSANDRA: {each.name for each in SERIES},
    StoreName.KAFKA: {each.name for each in TOPICS},
    StoreName.MINIO: {each.name for each in PREFIXES},
}
PERSON = re.compile(r"(user|speaker|student|teacher|learner|owner|author|evaluator|instructor)_ids?")
"""What a field that names people is called, where no foreign key says so."""


def fields_of(held: Held) -> set[str]:
    """Every field that could name a person there."""
    match held.store:
        case StoreName.POSTGRESQL:
            return set(metadata.tables[held.name].columns.keys()) if held.name in metadata.tables else set()
        case StoreName.MONGODB:
            return set(paths(next(each.schema for each in COLLECTIONS if each.name == held.name)))
        case StoreName.REDIS:
            pattern = next(each for each in PATTERNS if each.pattern == held.name)
            # The fields of a hash and of a stream's entries are not declared; "user_id" is what we call a person's.
            within = {"user_id"} if pattern.kind in ("hash", "stream") else set()
            # A list of ids holds nothing else.
            return {*re.findall(r"<\w+>", pattern.pattern), *within, *({"id"} if pattern.kind == "list" else ())}
        case StoreName.QDRANT:
            return set(next(each.payload for each in VECTORS if each.name == held.name))
        case StoreName.CASSANDRA:
            return {column.name for each in SERIES if each.name == held.name for column in each.columns}
        case StoreName.KAFKA:
            return {
                KEY,
                "user_id",
                *(field for each in EVENT_TYPES if each.topic == held.name for field in each.fields),
            }
        case StoreName.MINIO:
            return {f"{{{part}}}" for each in PREFIXES if each.name == held.name for part in each.parts}


def paths(schema: Mapping[str, Any], above: str = "") -> list[str]:
    """The paths of a `$jsonSchema`, through arrays as MongoDB writes them."""
    found: list[str] = []
    for name, each in schema.get("properties", {}).items():
        found += [above + name, *paths(each.get("items", each), f"{above}{name}.")]
    return found


def named(held: Held) -> set[str]:
    return {*held.learner, *held.others, *((held.through[0],) if held.through else ())}


@pytest.mark.parametrize("store", StoreName)
def test_everything_that_a_store_holds_is_in_the_list_and_nothing_else(store: StoreName) -> None:
    assert {held.name for held in HELD if held.store is store} == DECLARED[store]


def test_nothing_is_in_the_list_twice() -> None:
    assert Counter((held.store, held.name) for held in HELD).most_common(1)[0][1] == 1


@pytest.mark.parametrize("held", HELD, ids=lambda held: f"{held.store}-{held.name}")
def test_what_the_list_names_is_there(held: Held) -> None:
    assert named(held) <= fields_of(held)
    assert bool(named(held)) or held.why, "nobody's needs a reason"
    assert held.through is None or not (held.learner or held.others)


@pytest.mark.parametrize("held", HELD, ids=lambda held: f"{held.store}-{held.name}")
def test_no_field_that_names_people_is_left_out(held: Held) -> None:
    if held.store is StoreName.POSTGRESQL and held.name in metadata.tables:
        references = {
            column.name
            for column in metadata.tables[held.name].columns
            if any(key.column.table.name == "users" for key in column.foreign_keys)
        }
        assert references <= named(held)
    if held.store in (StoreName.POSTGRESQL, StoreName.MONGODB, StoreName.QDRANT, StoreName.CASSANDRA):
        assert {each for each in fields_of(held) if PERSON.fullmatch(each.rpartition(".")[2])} <= named(held)
    if held.store is StoreName.REDIS:
        assert ("<user_id>" in held.name) == ("<user_id>" in held.learner)
    if held.store is StoreName.MINIO:
        assert ("{user}" in fields_of(held)) == (held.learner == ("{user}",))


@pytest.mark.parametrize("held", [held for held in HELD if held.through], ids=lambda held: held.name)
def test_a_row_that_is_somebodys_through_another_leads_there(held: Held) -> None:
    assert held.through is not None
    field, parent = held.through
    assert held_in(StoreName.POSTGRESQL, parent).learner
    if held.store is StoreName.POSTGRESQL:
        [key] = metadata.tables[held.name].columns[field].foreign_keys
        assert key.target_fullname == f"{parent}.id"


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: f"{kind.topic}-{kind.name}")
def test_a_topic_is_said_to_be_whose_its_events_are(kind: Any) -> None:
    held = held_in(StoreName.KAFKA, kind.topic)
    assert kind.learner in (*held.learner, *held.others)
    if kind.learner == KEY:
        assert BY_NAME[kind.topic].key == "user id"


async def test_a_migrated_database_has_no_table_beside_the_list(database: Database) -> None:
    rows = await database.owner.fetch(
        "select case schemaname when 'public' then tablename else schemaname || '.' || tablename end as name "
        "from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    )
    series = {f"embedded.{table.name}" for table in CONTRACT_TABLES}
    assert {row["name"] for row in rows} == DECLARED[StoreName.POSTGRESQL] | series


@pytest.mark.parametrize(
    ("file", "store"),
    [
        ("redis/schema.md", StoreName.REDIS),
        ("kafka/topics.md", StoreName.KAFKA),
        ("cassandra/README.md", StoreName.CASSANDRA),
        ("minio/buckets.md", StoreName.MINIO),
    ],
)
def test_the_pages_say_whose_it_is_as_the_list_does(file: str, store: StoreName) -> None:
    """The last column of a store's table names every field of the list, and "none" where there is none."""
    page = (DATADIR / file).read_text(encoding="utf-8")
    said: dict[str, str] = {}
    for row in re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE):
        name = row[0].split("/", 1)[0] if store is StoreName.MINIO else row[0]
        if (store, name) in {(held.store, held.name) for held in HELD}:
            said[name] = row[1]
    assert said.keys() == DECLARED[store]
    for name, whose in said.items():
        held = held_in(store, name)
        fields = (*held.learner, *held.others)
        assert (whose.startswith("none")) == (not fields), name
        for field in fields:
            assert (f"`{field}`" in whose) or (field == KEY and whose == "the key"), name
