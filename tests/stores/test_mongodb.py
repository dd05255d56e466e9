"""Does the embedded MongoDB keep the promise, and are its collections what `collections.md` says?"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from motor.frameworks import asyncio as motor_threads

import datadir
import datadir.mongodb
from datadir.errors import StoreMisconfigured
from datadir.learners import held_in
from datadir.mongodb import init_js
from datadir.mongodb.client import Documents
from datadir.mongodb.collections import COLLECTIONS
from datadir.mongodb.opening import MOST_CONNECTIONS
from datadir.names import StoreName
from tests.stores.mongodb_contract import MongodbContract

ROOMS = Path(datadir.__path__[0]).parent


class TestEmbeddedMongodb(MongodbContract):
    """SecantusDB, as `make run` starts it."""

    implementation = "SecantusDB, embedded"

    @pytest.fixture
    def url(self, mongodb_url: str) -> str:
        return mongodb_url


class TestAddress:
    """A wrong setting is one sentence; options of the address win over ours."""

    @pytest.mark.parametrize(
        "url",
        ["", "localhost:27017", "http://localhost", "mongodb://", "mongodb://a b@c/", "mongodb://h/?maxPoolSize=many"],
    )
    async def test_an_address_of_another_kind_is_a_sentence(self, url: str) -> None:
        with pytest.raises(
            StoreMisconfigured, match=r"^MONGODB_URL must look like mongodb://user:password@host:27017/"
        ):
            await Documents.open(url)

    async def test_the_address_names_database_and_pool(self, mongodb_url: str) -> None:
        documents = await Documents.open(f"{mongodb_url}&maxpoolsize=7&journal=false", min_connections=1)
        options = documents.raw.client.options
        assert (options.pool_options.max_pool_size, options.pool_options.min_pool_size) == (7, 1)
        assert options.write_concern.document == {"j": True}
        assert documents.raw.name == "studygraph"
        await documents.close()

    def test_as_many_threads_as_connections(self) -> None:
        assert motor_threads.max_workers == MOST_CONNECTIONS == 50


class TestCollections:
    """What the collections say of themselves."""

    def test_the_page_lists_each_collection_with_its_fields_and_indexes(self) -> None:
        page = Path(datadir.mongodb.__path__[0], "collections.md").read_text()
        parts = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
        assert list(parts) == [collection.name for collection in COLLECTIONS]
        for collection in COLLECTIONS:
            rows = [row.split("|")[1:3] for row in parts[collection.name].splitlines() if row.startswith("| `")]
            said = [(name.strip(" `"), what.strip(" `")) for name, what in rows]
            fields = [*collection.schema["properties"]]
            indexes = [
                (index.name, ", ".join(f"{key} {way}" for key, way in index.keys)) for index in collection.indexes
            ]
            assert [name for name, _ in said][: len(fields)] == fields
            assert said[len(fields) :] == indexes
            assert f"`{collection.door}`" in parts[collection.name]
            [whose] = [line for line in parts[collection.name].splitlines() if line.startswith("Whose: ")]
            held = held_in(StoreName.MONGODB, collection.name)
            assert all(f"`{field}`" in whose for field in (*held.learner, *held.others))

    def test_activity_is_indexed_and_kept_for_ninety_days_as_in_the_seed(self) -> None:
        [activity] = [collection for collection in COLLECTIONS if collection.name == "activity_logs"]
        assert [(index.keys, index.expire_after) for index in activity.indexes] == [
            ((("user_id", 1), ("timestamp", -1)), None),
            ((("action", 1),), None),
            ((("timestamp", 1),), 7776000),
        ]

    def test_the_shell_script_is_made_from_the_collections(self) -> None:
        assert init_js.FILE.read_text(encoding="utf-8") == init_js.script()

    def test_nothing_asks_for_a_text_index(self) -> None:
        for collection in COLLECTIONS:
            assert {way for index in collection.indexes for _, way in index.keys} <= {1, -1}
        for room in ("datadir", "loaders", "resolvers", "graph"):
            for module in (ROOMS / room).rglob("*.py"):
                words = {
                    node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)
                }
                assert "$text" not in words, module
