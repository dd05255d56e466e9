"""What does every MongoDB promise, embedded or real?"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import bson
import pytest
import pytest_asyncio

from datadir.circuit import NotAsked
from datadir.errors import Conflict, StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import kept
from datadir.mongodb import client
from datadir.mongodb.client import Documents
from datadir.mongodb.collections import COLLECTIONS, TRANSCRIPTS, Collection, Index
from datadir.mongodb.pending import steps
from datadir.names import StoreName
from tests.stores.recovery import well_again
from tests.stores.relay import Relay, relay_to, through

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CONNECTION_COMMANDS = {"hello", "isMaster", "ismaster", "saslStart", "saslContinue", "ping", "endSessions", "buildInfo"}


def transcript(*, meeting_id: str | None = None, classroom_id: str = str(uuid4()), segments: int = 3) -> dict[str, Any]:
    """A transcript as the seeds shape it."""
    texts = [f"Sentence number {number} of this lesson." for number in range(segments)]
    return {
        "meeting_id": meeting_id or str(uuid4()),
        "classroom_id": classroom_id,
        "segments": [
            {
                "speaker_id": None if number % 2 else str(uuid4()),
                "speaker_name": "Guest" if number % 2 else "Ada",
                "start_time": number * 5.0,
                "end_time": number * 5 + 4.5,
                "text": text,
                "confidence": 0.95,
            }
            for number, text in enumerate(texts)
        ],
        "full_text": " ".join(texts),
        "word_count": 6 * segments,
        "duration_seconds": 5 * segments,
        "language": "en",
        "created_at": NOON,
    }


def commands(heard: bytearray) -> list[dict[str, Any]]:
    """What one connection's client asked, handshake and health aside. Documents of an OP_MSG lie in its sections."""
    asked: list[dict[str, Any]] = []
    at = 0
    while at < len(heard):
        length, opcode = (int.from_bytes(heard[at + start : at + start + 4], "little") for start in (0, 12))
        if opcode == 2013:
            size = int.from_bytes(heard[at + 21 : at + 25], "little")
            asked.append(bson.decode(bytes(heard[at + 21 : at + 21 + size])))
        at += length
    return [command for command in asked if next(iter(command)) not in CONNECTION_COMMANDS]


class MongodbContract:
    """`url` is the server's address; `documents` reaches it directly, `relayed` through `relay`."""

    @pytest_asyncio.fixture
    async def documents(self, url: str) -> AsyncIterator[Documents]:
        documents = await Documents.open(url, min_connections=1)
        yield documents
        await documents.close()

    @pytest_asyncio.fixture
    async def relay(self, url: str) -> AsyncIterator[Relay]:
        async with relay_to(url).listening() as relay:
            yield relay

    @pytest_asyncio.fixture
    async def relayed(self, url: str, relay: Relay) -> AsyncIterator[Documents]:
        documents = await Documents.open(through(url, relay), min_connections=0)
        yield documents
        await documents.close()

    @pytest_asyncio.fixture
    async def transcripts(self, documents: Documents) -> AsyncIterator[str]:
        """A collection like `transcripts`, of this test alone."""
        collection = replace(TRANSCRIPTS, name=f"transcripts_{uuid4().hex}")
        await documents.prepare([collection])
        yield collection.name
        await documents.raw.drop_collection(collection.name)

    @pytest_asyncio.fixture
    async def notes(self, documents: Documents) -> AsyncIterator[str]:
        """A collection without a shape, of this test alone."""
        name = f"notes_{uuid4().hex}"
        yield name
        await documents.raw.drop_collection(name)

    # Reading

    async def test_a_batch_by_ids_keeps_duplicates_and_missing_apart(
        self, documents: Documents, transcripts: str
    ) -> None:
        first, second = transcript(), transcript()
        await documents.insert_many(transcripts, [first, second])
        asked = [second["meeting_id"], str(uuid4()), first["meeting_id"], second["meeting_id"]]
        found = await documents.find(transcripts, {"meeting_id": {"$in": asked}}, {"meeting_id": 1}, limit=len(asked))
        assert sorted(row["meeting_id"] for row in found) == sorted([first["meeting_id"], second["meeting_id"]])
        by_id = {row["meeting_id"]: row for row in found}
        assert [by_id.get(one) is not None for one in asked] == [True, False, True, True]

    async def test_pages_of_many_transcripts_are_one_request(self, relayed: Documents, transcripts: str) -> None:
        mine, foreign = str(uuid4()), str(uuid4())
        rows = [transcript(classroom_id=mine, segments=30) for _ in range(150)]
        rows += [transcript(classroom_id=foreign, segments=1), transcript(classroom_id=mine, segments=0)]
        await relayed.insert_many(transcripts, rows)
        pages = {
            "first": {"$slice": ["$segments", 0, 3]},
            "next": {"$slice": ["$segments", 28, 10]},
            "last": {"$slice": ["$segments", -1]},
            "count": {"$size": "$segments"},
        }
        with kept() as ledger:
            found = await relayed.aggregate(
                transcripts,
                [
                    {
                        "$match": {
                            "meeting_id": {"$in": [row["meeting_id"] for row in rows]},
                            "classroom_id": {"$in": [mine]},
                        }
                    },
                    {"$project": {"_id": 0, "meeting_id": 1, "word_count": 1, **pages}},
                ],
            )
        assert (ledger.stores[StoreName.MONGODB].calls, ledger.stores[StoreName.MONGODB].rows) == (1, 151)
        by_id = {row["meeting_id"]: row for row in found}
        assert set(by_id) == {row["meeting_id"] for row in rows if row["classroom_id"] == mine}, "the door holds"
        for row in rows[:150]:
            said = row["segments"]
            assert by_id[row["meeting_id"]] == {
                "meeting_id": row["meeting_id"],
                "word_count": 180,
                "first": said[:3],
                "next": said[28:30],
                "last": said[-1:],
                "count": 30,
            }
        assert by_id[rows[151]["meeting_id"]]["first"] == []
        assert by_id[rows[151]["meeting_id"]]["count"] == 0

    async def test_newest_come_first_and_ties_are_broken_by_id(self, documents: Documents, notes: str) -> None:
        ids = sorted(str(uuid4()) for _ in range(6))
        times = [NOON, NOON, NOON, NOON + timedelta(hours=1), NOON - timedelta(hours=1), NOON]
        await documents.insert_many(notes, [{"_id": i, "at": t} for i, t in zip(ids, times, strict=True)])
        order = [("at", -1), ("_id", 1)]
        found = await documents.find(notes, {}, {"at": 0}, order, limit=4)
        assert [row["_id"] for row in found] == [ids[3], ids[0], ids[1], ids[2]]
        after = {"$or": [{"at": {"$lt": NOON}}, {"at": NOON, "_id": {"$gt": ids[2]}}]}
        assert [row["_id"] for row in await documents.find(notes, after, None, order, limit=4)] == [ids[5], ids[4]]

    async def test_days_are_counted_in_utc(self, documents: Documents, notes: str) -> None:
        east = timezone(timedelta(hours=2))
        times = [datetime(2026, 3, 2, 1, 30, tzinfo=east), datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), NOON]
        await documents.insert_many(notes, [{"at": at} for at in times])
        per_day = await documents.aggregate(
            notes,
            [
                {"$group": {"_id": {"$dateTrunc": {"date": "$at", "unit": "day"}}, "count": {"$sum": 1}}},
                {"$sort": {"_id": 1}},
            ],
        )
        assert per_day == [
            {"_id": datetime(2026, 3, 1, tzinfo=UTC), "count": 2},
            {"_id": datetime(2026, 3, 2, tzinfo=UTC), "count": 1},
        ]

    async def test_times_and_ids_come_back_as_they_went(self, documents: Documents, notes: str) -> None:
        row = {
            "_id": str(uuid4()),
            "at": datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-5))),
            "whole": 2**40,
            "part": 0.1,
            "text": "Grüße, 数学",
            "nothing": None,
            "list": [{"a": 1}, []],
        }
        await documents.insert_many(notes, [row])
        (found,) = await documents.find(notes, {"_id": row["_id"]}, limit=1)
        assert found == {**row, "at": datetime(2026, 3, 2, 17, 0, 0, 123000, tzinfo=UTC)}, "cut to milliseconds"
        assert found["at"].tzinfo is UTC

    async def test_an_id_that_is_not_text_is_not_silently_another(self, documents: Documents, notes: str) -> None:
        with pytest.raises(ValueError, match="UuidRepresentation"):
            await documents.find(notes, {"_id": uuid4()}, limit=1)

    # Writing

    async def test_a_push_is_capped(self, documents: Documents, notes: str) -> None:
        await documents.insert_many(notes, [{"_id": "log", "lines": [1, 2, 3]}])
        update = {"$push": {"lines": {"$each": [4, 5], "$slice": -4}}}
        assert await documents.update_one(notes, {"_id": "log"}, update) is True
        assert await documents.find(notes, {}, limit=9) == [{"_id": "log", "lines": [2, 3, 4, 5]}]
        assert await documents.update_one(notes, {"_id": "no such"}, update) is False

    async def test_concurrent_pushes_lose_none(self, documents: Documents, notes: str) -> None:
        await documents.insert_many(notes, [{"_id": "log", "lines": []}])
        pushes = [documents.update_one(notes, {"_id": "log"}, {"$push": {"lines": line}}) for line in range(200)]
        assert await asyncio.gather(*pushes) == [True] * 200
        (found,) = await documents.find(notes, {}, limit=1)
        assert sorted(found["lines"]) == list(range(200))

    async def test_an_upsert_makes_one_and_then_changes_it(self, documents: Documents, notes: str) -> None:
        assert await documents.update_one(notes, {"_id": "one"}, {"$inc": {"n": 1}}, upsert=True) is True
        assert await documents.update_one(notes, {"_id": "one"}, {"$inc": {"n": 1}}, upsert=True) is True
        assert await documents.find(notes, {}, limit=9) == [{"_id": "one", "n": 2}]

    async def test_deleting_says_how_many(self, documents: Documents, notes: str) -> None:
        await documents.insert_many(notes, [{"_id": n, "even": n % 2 == 0} for n in range(5)])
        assert await documents.delete_many(notes, {"even": True}) == 3
        assert await documents.delete_many(notes, {"even": True}) == 0
        assert [row["_id"] for row in await documents.find(notes, {}, None, [("_id", 1)], limit=9)] == [1, 3]

    async def test_what_is_inserted_is_left_as_it_was(self, documents: Documents, notes: str) -> None:
        row: dict[str, Any] = {"n": 1}
        with kept() as ledger:
            await documents.insert_many(notes, [row])
            await documents.insert_many(notes, [])
        assert row == {"n": 1}
        assert ledger.stores[StoreName.MONGODB].calls == 1

    async def test_a_second_transcript_of_a_meeting_is_a_conflict(self, documents: Documents, transcripts: str) -> None:
        first, other = transcript(), transcript()
        await documents.insert_many(transcripts, [first, other])
        with pytest.raises(Conflict, match=r"^one_per_meeting is taken$") as taken:
            await documents.insert_many(transcripts, [transcript(), transcript(meeting_id=first["meeting_id"])])
        assert taken.value.constraint == "one_per_meeting"
        change = {"$set": {"meeting_id": other["meeting_id"]}}
        with pytest.raises(Conflict, match=r"^one_per_meeting is taken$"):
            await documents.update_one(transcripts, {"meeting_id": first["meeting_id"]}, change)
        (kept_one,) = await documents.find(transcripts, {"meeting_id": first["meeting_id"]}, {"_id": 0}, limit=2)
        assert kept_one == first

    @pytest.mark.parametrize(
        "broken",
        [
            {"meeting_id": "not an id"},
            {"classroom_id": None},
            {"segments": "none"},
            {"segments": [{"text": "said by nobody"}]},
            {"word_count": -1},
            {"created_at": "2026-03-02"},
        ],
        ids=lambda broken: next(iter(broken)),
    )
    async def test_a_transcript_of_another_shape_is_refused(
        self, documents: Documents, transcripts: str, broken: dict[str, Any]
    ) -> None:
        with pytest.raises(StoreError, match=r"^the collection's validator refuses this document$"):
            await documents.insert_many(transcripts, [{**transcript(), **broken}])
        incomplete = transcript()
        del incomplete[next(iter(broken))]
        with pytest.raises(StoreError, match=r"^the collection's validator refuses this document$"):
            await documents.insert_many(transcripts, [incomplete])
        assert await documents.find(transcripts, {}, limit=1) == []

    async def test_writes_ask_for_the_journal(self, relayed: Documents, relay: Relay, notes: str) -> None:
        await relayed.insert_many(notes, [{"_id": 1}])
        await relayed.update_one(notes, {"_id": 1}, {"$set": {"n": 1}})
        await relayed.delete_many(notes, {"_id": 1})
        asked = [command for heard in relay.heard for command in commands(heard)]
        writes = {
            name: command["writeConcern"]
            for command in asked
            for name in ("insert", "update", "delete")
            if name in command
        }
        assert writes == {name: {"j": True} for name in ("insert", "update", "delete")}

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
