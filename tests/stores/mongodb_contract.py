"""What does every MongoDB promise, embedded or real? Setting up, requests, deadlines, and all about documents."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from datadir.circuit import NotAsked
from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import kept
from datadir.mongodb import client
from datadir.mongodb.client import Documents
from datadir.mongodb.collections import COLLECTIONS, TRANSCRIPTS, Collection, Index
from datadir.mongodb.pending import steps
from datadir.names import StoreName
from tests.stores.mongodb_documents_contract import (
    MongodbDocumentsContract,
    commands,
    transcript,
)
from tests.stores.recovery import well_again
from tests.stores.relay import Relay, relay_to, through


class MongodbContract(MongodbDocumentsContract):
    """`url` is the server's address; `documents` reaches it directly, `relayed` through `relay`."""

    # Setting up

    async def test_preparing_twice_and_at_once_changes_nothing(self, documents: Documents) -> None:
        collection = replace(TRANSCRIPTS, name=f"transcripts_{uuid4().hex}")
        await asyncio.gather(*(documents.prepare([collection]) for _ in range(3)))
        row = transcript()
        await documents.insert_many(collection.name, [row])
        await documents.prepare([collection])
        assert await documents.find(collection.name, {}, {"_id": 0}, limit=2) == [row]
        indexes = await documents.raw[collection.name].index_information()
        assert {name: (index["key"], index.get("unique", False)) for name, index in indexes.items()} == {
            "_id_": ([("_id", 1)], False),
            "one_per_meeting": ([("meeting_id", 1)], True),
            "newest_of_classroom": ([("classroom_id", 1), ("created_at", -1)], False),
        }
        await documents.raw.drop_collection(collection.name)

    async def test_preparing_brings_a_changed_shape_and_expiry(self, documents: Documents, notes: str) -> None:
        def shaped(required: str, days: int) -> Collection:
            index = Index("expiry", (("at", 1),), expire_after=days * 86400)
            return Collection(notes, {"bsonType": "object", "required": [required]}, (index,), door="a")

        await documents.prepare([shaped("old", 90)])
        await documents.insert_many(notes, [{"old": 1}])
        await documents.prepare([shaped("new", 30)])
        await documents.insert_many(notes, [{"new": 1}])
        with pytest.raises(StoreError, match=r"^the collection's validator refuses this document$"):
            await documents.insert_many(notes, [{"old": 1}])
        assert (await documents.raw[notes].index_information())["expiry"]["expireAfterSeconds"] == 30 * 86400

    async def test_what_is_missing_is_named_before_it_is_made(self, documents: Documents) -> None:
        collection = replace(TRANSCRIPTS, name=f"transcripts_{uuid4().hex}")
        name = collection.name

        async def missing() -> list[str]:
            return [step.what for step in await steps(documents, [collection])]

        assert await missing() == [f"collection {name}"]
        assert await documents.raw.list_collection_names(filter={"name": name}) == [], "looking makes nothing"
        await documents.prepare([collection])
        assert await missing() == []
        await documents.raw[name].drop_index("newest_of_classroom")
        await documents.raw.command("collMod", name, validator={"$jsonSchema": {"bsonType": "object"}})
        assert await missing() == [f"validator of {name}", f"index newest_of_classroom of {name}"]
        assert "newest_of_classroom" not in await documents.raw[name].index_information(), "looking makes nothing"
        await documents.prepare([collection])
        assert await missing() == []
        expiring = replace(collection, indexes=(Index("newest_of_classroom", (("created_at", -1),)),))
        with pytest.raises(StoreMisconfigured, match=rf"^MongoDB has another index 'newest_of_classroom' on '{name}'"):
            await steps(documents, [expiring])
        await documents.raw.drop_collection(name)

    async def test_a_start_with_nothing_to_do_asks_once_and_once_for_each_collection(
        self, documents: Documents
    ) -> None:
        await documents.prepare()
        with kept() as ledger:
            await documents.prepare()
        assert ledger.stores[StoreName.MONGODB].calls == 1 + len(COLLECTIONS)

    async def test_another_index_of_the_same_name_is_a_sentence(self, documents: Documents, notes: str) -> None:
        await documents.raw[notes].create_index([("meeting_id", -1)], name="one_per_meeting")
        with pytest.raises(StoreMisconfigured, match=rf"^MongoDB has another index 'one_per_meeting' on '{notes}'"):
            await documents.prepare([replace(TRANSCRIPTS, name=notes, schema={"bsonType": "object"})])

    async def test_what_has_expired_is_invisible_before_it_is_swept(self, documents: Documents, notes: str) -> None:
        ninety_days = timedelta(days=90)
        index = Index("expiry", (("at", 1),), expire_after=int(ninety_days.total_seconds()))
        await documents.prepare([Collection(notes, {"bsonType": "object"}, (index,), door="a")])
        assert (await documents.raw[notes].index_information())["expiry"]["expireAfterSeconds"] == 7776000
        now = datetime.now(UTC)
        ages = {
            "fresh": timedelta(0),
            "old": ninety_days - timedelta(hours=1),
            "over": ninety_days + timedelta(hours=1),
        }
        await documents.insert_many(notes, [{"_id": name, "at": now - age} for name, age in ages.items()])
        # The server sweeps once a minute, so the reader says itself what is over.
        found = await documents.find(notes, {"at": {"$gt": now - ninety_days}}, {"_id": 1}, [("at", -1)], limit=9)
        assert found == [{"_id": "fresh"}, {"_id": "old"}]

    # One wire request, one entry in the ledger

    async def test_the_ledger_says_what_went_over_the_wire(
        self, relayed: Documents, relay: Relay, notes: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "BATCH", 60)
        with kept() as ledger:
            await relayed.insert_many(notes, [{"_id": number} for number in range(150)])
            assert len(await relayed.find(notes, {}, limit=150)) == 150
            assert len(await relayed.aggregate(notes, [{"$sort": {"_id": 1}}])) == 150
            assert await relayed.find(notes, {"_id": -1}, limit=1) == []
            await relayed.update_one(notes, {"_id": 1}, {"$set": {"a": 1}})
            await relayed.delete_many(notes, {})
            await relayed.ping()
        asked = [next(iter(command)) for heard in relay.heard for command in commands(heard)]
        asked.remove("listCollections")  # `open` proves the password with it
        assert sorted(asked) == [*("aggregate", "delete", "find", "find", "getMore", "getMore"), "insert", "update"]
        entry = ledger.stores[StoreName.MONGODB]
        assert (entry.calls, entry.rows) == (8, 300)
        assert 0 < entry.ms < 5000

    async def test_concurrent_reads_of_one_operation_are_all_counted(self, documents: Documents, notes: str) -> None:
        await documents.insert_many(notes, [{"_id": number} for number in range(30)])
        documents.deadline = 10.0
        with kept() as ledger:
            await asyncio.gather(*(documents.find(notes, {"_id": {"$lt": n}}, limit=30) for n in range(1, 31)))
        with kept() as other:
            await documents.find(notes, {"_id": 1}, limit=1)
        assert (ledger.stores[StoreName.MONGODB].calls, ledger.stores[StoreName.MONGODB].rows) == (30, 465)
        assert (other.stores[StoreName.MONGODB].calls, other.stores[StoreName.MONGODB].rows) == (1, 1)

    async def test_the_ping_says_the_version_and_counts_as_nothing(self, documents: Documents) -> None:
        with kept() as ledger:
            assert re.fullmatch(r"\d+\.\d+\.\d+.*", await documents.ping())
        assert ledger.stores == {}

    # Connections and deadlines

    async def test_a_hung_server_is_a_timeout_and_then_all_is_well_again(
        self, relayed: Documents, relay: Relay, notes: str
    ) -> None:
        await relayed.insert_many(notes, [{"_id": number} for number in range(60)])
        relay.hush()
        waited, sent = [], []
        for _ in range(3):
            started = perf_counter()
            with kept() as ledger, pytest.raises(StoreTimeout):
                await relayed.find(notes, {}, limit=1)
            waited.append(perf_counter() - started)
            sent += ledger.stores.values()
        assert 0.35 < min(waited) < 0.6
        assert [(entry.calls, entry.rows) for entry in sent] == [(1, 0)], "for the others no connection came about"
        assert sent[0].ms > 350
        reads = [relayed.find(notes, {"_id": number}, limit=1) for number in range(60)]
        answers = await asyncio.gather(*reads, return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreTimeout}, "also those that found no thread"
        with pytest.raises(NotAsked):
            await relayed.find(notes, {"_id": 1}, limit=1)
        relay.speak()
        assert await well_again(lambda: relayed.find(notes, {"_id": 1}, limit=1)) == [{"_id": 1}]
        reads = [relayed.find(notes, {"_id": number}, limit=1) for number in range(10)]
        assert await asyncio.gather(*reads) == [[{"_id": number}] for number in range(10)]

    async def test_the_server_is_told_the_deadline(self, relayed: Documents, relay: Relay, notes: str) -> None:
        await relayed.find(notes, {}, limit=1)
        await relayed.aggregate(notes, [])
        reads = [c for heard in relay.heard for c in commands(heard) if "find" in c or "aggregate" in c]
        assert len(reads) == 2
        assert all(0 < read["maxTimeMS"] <= 400 for read in reads), "so that it stops working for nobody"

    async def test_a_client_of_a_hung_server_can_be_closed(self, url: str, relay: Relay, notes: str) -> None:
        documents = await Documents.open(through(url, relay), min_connections=1)
        await documents.find(notes, {}, limit=1)
        relay.hush()
        started = perf_counter()
        await documents.close()
        assert perf_counter() - started < 2

    async def test_a_server_that_never_greets_is_a_timeout(self, url: str, relay: Relay) -> None:
        relay.hush()
        started = perf_counter()
        with pytest.raises(StoreTimeout, match=r"^mongodb did not answer"):
            await Documents.open(through(url, relay), within=0.3)
        assert perf_counter() - started < 1

    async def test_a_server_that_is_gone_is_unavailable(self, url: str, notes: str) -> None:
        async with relay_to(url).listening() as relay:
            documents = await Documents.open(through(url, relay), min_connections=1)
        with pytest.raises(StoreUnavailable, match=r"^mongodb is not available$") as gone:
            await documents.find(notes, {}, limit=1)
        assert not isinstance(gone.value, StoreTimeout)
        await documents.close()

    async def test_nobody_there_at_the_start_is_a_sentence(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            place = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(StoreMisconfigured) as refused:
                await Documents.open(f"mongodb://{place}/?directConnection=true", within=0.3)
        assert str(refused.value) == f"MONGODB_URL names a server that does not answer: nothing listens at {place}."

    @pytest.mark.parametrize("min_connections", [0, 1, 10])
    async def test_a_wrong_password_is_a_sentence_that_does_not_repeat_it(
        self, url: str, relay: Relay, min_connections: int
    ) -> None:
        name = (urlsplit(url).username or "nobody") + ":wrong-secret"
        with pytest.raises(
            StoreMisconfigured, match=r"^MongoDB refuses the user name or password in MONGODB_URL$"
        ) as refused:
            await Documents.open(through(url, relay, user=name), min_connections=min_connections)
        assert "wrong-secret" not in repr(refused.value)

    async def test_no_password_is_the_same_sentence(self, url: str) -> None:
        address = urlsplit(url)
        anonymous = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
        with pytest.raises(StoreMisconfigured, match=r"^MongoDB refuses the user name or password in MONGODB_URL$"):
            await Documents.open(anonymous)
