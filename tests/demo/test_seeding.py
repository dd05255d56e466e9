"""Does the demo school come out of real stores as it was meant?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import pytest
import pytest_asyncio

from datadir.cassandra.tables import USER_ENGAGEMENT
from datadir.errors import StoreUnavailable
from datadir.mongodb.collections import ACTIVITY_LOGS, TRANSCRIPTS
from datadir.names import StoreName
from datadir.qdrant.chunks import Chunk
from datadir.qdrant.collections import DOCUMENTS
from datadir.qdrant.embedding import Embedder
from datadir.scope import SYSTEM
from datadir.stores import Stores
from loaders.accounts import credentials_by_email
from loaders.indexing import waiting_documents
from loaders.writing import insert_rows
from resolvers.demo import documents, indexing, seeding
from resolvers.demo.named import NAMED
from resolvers.demo.people import user_id
from resolvers.demo.roster import PASSWORD
from resolvers.demo.school import School
from resolvers.passwords import Passwords
from tests.demo.conftest import START, unheard

TABLES = (
    "users",
    "classrooms",
    "classroom_members",
    "meetings",
    "recordings",
    "assessments",
    "assessment_questions",
    "submissions",
    "documents",
    "courses",
    "enrollments",
    "outbox",
)


@pytest_asyncio.fixture(scope="module")
async def seeded(empty_stores: Stores, demo: School) -> Stores:
    """The same stores with the school in them, whatever ran before."""
    await seeding.seed(empty_stores, demo, unheard)
    return empty_stores


async def contents(stores: Stores) -> dict[str, Any]:
    """How much is in every store, and a digest of the rows."""
    found: dict[str, Any] = {}
    async with stores.postgresql.transaction(SYSTEM) as tx:
        for table in TABLES:
            [row] = await tx.fetch(f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from {table} t")
            found[table] = tuple(row)
    found["transcripts"] = await stores.documents.find(TRANSCRIPTS.name, {}, sort=[("_id", 1)], limit=100)
    found["activity"] = await stores.documents.find(ACTIVITY_LOGS.name, {}, sort=[("_id", 1)], limit=1000)
    found["objects"] = [await stores.objects.list("recordings/"), await stores.objects.list("documents/")]
    return found


async def test_seeding_again_changes_nothing(seeded: Stores, demo: School) -> None:
    before = await contents(seeded)
    await seeding.seed(seeded, School(START), unheard)
    assert await contents(seeded) == before
    assert {table: before[table][0] for table in TABLES} == {
        "users": 128,
        "classrooms": 6,
        "classroom_members": len(demo.members),
        "meetings": 60,
        "recordings": 18,
        "assessments": 24,
        "assessment_questions": len(demo.questions),
        "submissions": len(demo.submissions),
        "documents": 12,
        "courses": 4,
        "enrollments": len(demo.enrollments),
        "outbox": len(demo.events),
    }


async def test_what_was_changed_since_is_left_alone(seeded: Stores, demo: School) -> None:
    [classroom] = [room for room in demo.classrooms if room.subject == "History"]
    async with seeded.postgresql.transaction(SYSTEM) as tx:
        await tx.execute("update classrooms set name = 'Renamed' where id = $1", classroom.id)
    await insert_rows(seeded, [classroom])
    async with seeded.postgresql.transaction(SYSTEM) as tx:
        [row] = await tx.fetch("select name from classrooms where id = $1", classroom.id)
        await tx.execute("update classrooms set name = $2 where id = $1", classroom.id, classroom.name)
    assert row["name"] == "Renamed"


async def test_rows_come_back_as_they_were_meant(seeded: Stores, demo: School) -> None:
    async with seeded.postgresql.transaction(SYSTEM) as tx:
        for model in (*demo.meetings[:3], *demo.assessments[:3], *demo.questions[:3], *demo.recordings[:3]):
            [row] = await tx.fetch(f"select * from {model.__tablename__} where id = $1", model.id)
            meant = model.model_dump()
            assert {key: value for key, value in row.items() if key not in ("options", "answers")} == {
                key: value for key, value in meant.items() if key not in ("options", "answers")
            }
        questions = await tx.fetch("select count(*) from assessment_questions where jsonb_typeof(options) = 'array'")
        graded = await tx.fetch("select id, score from submissions where score is not null")
    assert questions[0][0] == sum(question.options is not None for question in demo.questions)
    assert {row["id"]: row["score"] for row in graded} == {
        each.id: each.score for each in demo.submissions if each.score is not None
    }


async def test_transcripts_series_and_files_are_those_of_the_school(seeded: Stores, demo: School) -> None:
    there = await seeded.documents.find(TRANSCRIPTS.name, {}, limit=100)
    assert sorted(({**each, "_id": str(each["_id"])} for each in there), key=lambda each: each["_id"]) == sorted(
        demo.transcripts, key=lambda each: each["_id"]
    )
    sam = user_id("Sam Okafor")
    [days] = await seeded.series.read(USER_ENGAGEMENT, [(sam,)])
    assert [tuple(day) for day in days] == [tuple(day) for day in reversed(demo.engagement) if day.user_id == sam]
    for file in demo.files[::7]:
        stored = await seeded.objects.get(file.key)
        assert (stored.data, stored.content_type) == (file.data, file.content_type)


async def test_the_public_password_opens_each_account(seeded: Stores) -> None:
    passwords = Passwords()
    try:
        hashes = []
        for email in (*NAMED.accounts.values(), "lena.hoffmann@demo.school", "ella.brandt@demo.school"):
            credentials = await credentials_by_email(seeded, email)
            assert credentials is not None
            assert credentials.password_hash.startswith("$argon2id$")
            hashes.append(credentials.password_hash)
        assert len(set(hashes)) == 6
        assert await passwords.verify(hashes[0], PASSWORD)
        assert await passwords.verify(hashes[-1], PASSWORD)
        assert not await passwords.verify(hashes[0], PASSWORD + "!")
    finally:
        passwords.close()


class PageByPage:
    """An embedder without a model: a page is a chunk, a vector says how long its text is. Gone after some texts."""

    def __init__(self, texts: int) -> None:
        self.texts = texts

    async def chunk(self, pages: Sequence[str]) -> list[Chunk]:
        return [Chunk(page, number, number - 1) for number, page in enumerate(pages, start=1)]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts -= len(texts)
        if self.texts < 0:
            raise StoreUnavailable(StoreName.QDRANT)
        return [[1.0, len(text) / 1000] + [0.0] * 382 for text in texts]


async def test_documents_are_indexed_in_order_and_indexing_goes_on_where_it_was(seeded: Stores) -> None:
    plans = documents.plans()
    ids = [plan.id for plan in plans]
    pages = sum(len(plan.text.pages) for plan in plans)
    assert [each.id for each in await waiting_documents(seeded, ids)] == ids

    # Enough for the two documents of the front page's classroom (4 and 3 pages) and no more.
    heard: list[tuple[int, int]] = []
    with pytest.raises(StoreUnavailable):
        await indexing.index_documents(
            seeded, cast(Embedder, PageByPage(7)), lambda done, total: heard.append((done, total))
        )
    assert heard == [(0, pages), (4, pages), (7, pages)]
    assert [each.id for each in await waiting_documents(seeded, ids)] == ids[2:]
    assert await seeded.vectors.count(DOCUMENTS.name) == 7

    heard.clear()
    await indexing.index_documents(
        seeded, cast(Embedder, PageByPage(1000)), lambda done, total: heard.append((done, total))
    )
    assert heard[0] == (0, pages - 7)
    assert heard[-1] == (pages - 7, pages - 7)
    assert await waiting_documents(seeded, ids) == []
    assert await seeded.vectors.count(DOCUMENTS.name) == pages

    heard.clear()
    await indexing.index_documents(seeded, cast(Embedder, PageByPage(0)), lambda *progress: heard.append(progress))
    assert heard == [(0, 0)]

    kind, key = NAMED.ids["chunk"]
    assert kind == "DocumentChunk"
    [chunk] = await seeded.vectors.retrieve(DOCUMENTS.name, [key])
    assert chunk.payload == {
        "text": plans[0].text.pages[0],
        "classroom_id": NAMED.ids["classroom"][1],
        "document_id": NAMED.ids["document"][1],
        "document_type": "material",
        "filename": "photosynthesis-handbook.pdf",
        "page_number": 1,
        "chunk_index": 0,
        "created_at": "2026-10-12T09:00:00+00:00",
    }
    async with seeded.postgresql.transaction(SYSTEM) as tx:
        [row] = await tx.fetch(
            "select status, chunk_count from documents where id = $1", UUID(NAMED.ids["document"][1])
        )
    assert tuple(row) == ("ready", 4)
