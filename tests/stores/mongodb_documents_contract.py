"""What does every MongoDB promise of reading and writing documents, embedded or real?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import bson
import pytest
import pytest_asyncio

from datadir.errors import Conflict, StoreError
from datadir.ledger import kept
from datadir.mongodb.client import Documents
from datadir.mongodb.collections import TRANSCRIPTS
from datadir.names import StoreName
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


class MongodbDocumentsContract:
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
        relayed.deadline = 10.0
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
