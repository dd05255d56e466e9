"""What does every implementation of `datadir.qdrant.client.Vectors` promise?

`test_qdrant.py` runs this class against each of them. Scores that are equal come in any order: nothing here asserts
an order among ties.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from datadir import ledger
from datadir.errors import StoreError, StoreMisconfigured
from datadir.names import StoreName
from datadir.qdrant import models
from datadir.qdrant.client import Hit, Record, Vectors
from datadir.qdrant.collections import Collection

COLLECTION = Collection(
    name="contract",
    size=4,
    payload={},
    indexes={
        "classroom_id": "keyword",
        "page_number": "integer",
        "created_at": "datetime",
        "text": "text",
        "tags": "keyword",
    },
    m=16,
    ef_construct=128,
)
NAME = COLLECTION.name
BIOLOGY, PHYSICS = "8c7a3c52-6df6-4f6b-9d6f-0a4b7a5f1b01", "8c7a3c52-6df6-4f6b-9d6f-0a4b7a5f1b02"
EAST = [1.0, 0.0, 0.0, 0.0]


def point_id(number: int) -> str:
    return str(UUID(int=number))


def point(number: int, vector: Sequence[float], **payload: object) -> models.PointStruct:
    return models.PointStruct(id=point_id(number), vector=list(vector), payload=payload)


# Cosines with EAST: 1, 0.8, 0.6, 0, -1.
POINTS = [
    point(1, EAST, classroom_id=BIOLOGY, page_number=1, text="The cell divides", created_at="2026-01-10T08:00:00Z"),
    point(2, [0.8, 0.6, 0, 0], classroom_id=BIOLOGY, page_number=2, text="A leaf breathes", tags=["leaf", "light"],
          created_at="2026-02-10T08:00:00+00:00"),
    point(3, [0.6, 0.8, 0, 0], classroom_id=PHYSICS, page_number=3, text="Light bends", tags=["light"],
          created_at="2026-03-10T08:00:00Z"),
    point(4, [0, 1.0, 0, 0], classroom_id=PHYSICS, page_number=4, text="A lever turns", tags=[],
          created_at="2026-04-10T08:00:00Z"),
    point(5, [-1.0, 0, 0, 0], page_number=5, text="Nobody's notes", tags=None),
]  # fmt: skip


def equals(key: str, value: str | int) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def only(**parts: object) -> models.Filter:
    return models.Filter.model_validate(parts)


def search(
    vector: Sequence[float] = EAST,
    filter: models.Filter | None = None,
    limit: int = 10,
    offset: int | None = None,
    score_threshold: float | None = None,
    with_payload: Any = False,
) -> models.QueryRequest:
    return models.QueryRequest(
        query=list(vector),
        filter=filter,
        limit=limit,
        offset=offset,
        score_threshold=score_threshold,
        with_payload=with_payload,
    )


def numbers(found: Sequence[Hit | Record]) -> list[int]:
    return [UUID(one.id).int for one in found]


CREATED_IN_SPRING = models.DatetimeRange(
    gte=datetime(2026, 2, 10, 8, tzinfo=UTC), lt=datetime(2026, 4, 10, 8, tzinfo=UTC)
)
FILTERS = {
    "text equal": (only(must=[equals("classroom_id", BIOLOGY)]), [1, 2]),
    "a number equal": (only(must=[equals("page_number", 4)]), [4]),
    "any of": (
        only(must=[models.FieldCondition(key="classroom_id", match=models.MatchAny(any=[BIOLOGY, PHYSICS]))]),
        [1, 2, 3, 4],
    ),
    "any of no value": (
        only(must=[models.FieldCondition(key="classroom_id", match=models.MatchAny(any=[]))]),
        [],
    ),
    "none of": (
        only(must=[models.FieldCondition(key="page_number", match=models.MatchExcept(**{"except": [1, 2, 3]}))]),
        [4, 5],
    ),
    "an element of a list": (only(must=[equals("tags", "light")]), [2, 3]),
    "all of": (only(must=[equals("classroom_id", PHYSICS), equals("tags", "light")]), [3]),
    "not": (only(must_not=[equals("classroom_id", BIOLOGY)]), [3, 4, 5]),
    "either": (only(should=[equals("page_number", 1), equals("page_number", 5)]), [1, 5]),
    "at least two of three": (
        only(
            min_should=models.MinShould(
                conditions=[equals("page_number", 3), equals("tags", "light"), equals("classroom_id", BIOLOGY)],
                min_count=2,
            )
        ),
        [2, 3],
    ),
    "a filter inside a filter": (
        only(
            must=[only(should=[equals("page_number", 1), equals("page_number", 3)])],
            must_not=[equals("classroom_id", PHYSICS)],
        ),
        [1],
    ),
    "a single condition without a list": (only(must=equals("page_number", 2)), [2]),
    "a range, open at one end": (
        only(must=[models.FieldCondition(key="page_number", range=models.Range(gte=2, lt=4))]),
        [2, 3],
    ),
    "a range without upper end": (
        only(must=[models.FieldCondition(key="page_number", range=models.Range(gt=4))]),
        [5],
    ),
    "a range of time": (
        only(must=[models.FieldCondition(key="created_at", range=CREATED_IN_SPRING)]),
        [2, 3],
    ),
    "a word of a text": (
        only(must=[models.FieldCondition(key="text", match=models.MatchText(text="breathes"))]),
        [2],
    ),
    "no value: missing, null or empty": (
        only(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="tags"))]),
        [1, 4, 5],
    ),
    "null": (only(must=[models.IsNullCondition(is_null=models.PayloadField(key="tags"))]), [5]),
    "some value": (
        only(must_not=[models.IsEmptyCondition(is_empty=models.PayloadField(key="classroom_id"))]),
        [1, 2, 3, 4],
    ),
    "ids": (only(must=[models.HasIdCondition(has_id=[point_id(5), point_id(2)])]), [2, 5]),
    "how many values": (
        only(must=[models.FieldCondition(key="tags", values_count=models.ValuesCount(gte=2))]),
        [2],
    ),
    "nothing matches": (only(must=[equals("classroom_id", "nowhere")]), []),
}


class VectorsContract:
    """Tests take the fixture `vectors`: an implementation that has the empty collection `COLLECTION`."""

    @pytest.mark.parametrize("case", FILTERS)
    async def test_a_filter_selects_the_same_points_in_search_count_and_scroll(
        self, vectors: Vectors, case: str
    ) -> None:
        filter, expected = FILTERS[case]
        await vectors.upsert(NAME, POINTS)
        [hits] = await vectors.query_batch(NAME, [search(filter=filter)])
        assert sorted(numbers(hits)) == expected
        assert await vectors.count(NAME, filter) == len(expected)
        assert numbers((await vectors.scroll(NAME, filter)).records) == expected

    async def test_hits_come_best_first_with_their_cosine_and_their_id_as_text(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        [hits] = await vectors.query_batch(NAME, [search(limit=3, with_payload=True)])
        assert [hit.id for hit in hits] == [point_id(1), point_id(2), point_id(3)]
        assert [hit.score for hit in hits] == pytest.approx([1.0, 0.8, 0.6], abs=1e-5)
        assert hits[1].payload == POINTS[1].payload

    async def test_vectors_are_compared_by_direction_not_length(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, [point(1, [30.0, 40.0, 0, 0])])
        [[hit]] = await vectors.query_batch(NAME, [search([0.5, 0, 0, 0])])
        assert hit.score == pytest.approx(0.6, abs=1e-5)

    async def test_a_threshold_cuts_the_weaker_hits(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        [hits] = await vectors.query_batch(NAME, [search(score_threshold=0.7)])
        assert numbers(hits) == [1, 2]

    async def test_an_offset_skips_the_best_hits(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        [hits] = await vectors.query_batch(NAME, [search(limit=2, offset=1)])
        assert numbers(hits) == [2, 3]

    async def test_a_payload_comes_only_as_far_as_it_is_asked_for(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS[:1])
        include = models.PayloadSelectorInclude(include=["page_number"])
        exclude = models.PayloadSelectorExclude(exclude=["text", "created_at", "classroom_id"])
        choices: list[Any] = [False, True, ["page_number"], include, exclude]
        answers = await vectors.query_batch(NAME, [search(with_payload=choice) for choice in choices])
        page_number = {"page_number": 1}
        assert [hit.payload for [hit] in answers] == [{}, POINTS[0].payload, page_number, page_number, page_number]

    async def test_a_batch_answers_like_its_requests_alone_and_is_one_call(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        requests = [
            search(limit=2, with_payload=True),
            search([0.1, 0.9, 0, 0], filter=only(must=[equals("classroom_id", PHYSICS)])),
            search(filter=only(must=[equals("classroom_id", "nowhere")])),
        ]
        with ledger.kept() as book:
            together = await vectors.query_batch(NAME, requests)
        entry = book.stores[StoreName.QDRANT]
        assert (entry.calls, entry.rows) == (1, 4)
        assert entry.ms > 0
        alone = [(await vectors.query_batch(NAME, [request]))[0] for request in requests]
        assert [numbers(hits) for hits in together] == [numbers(hits) for hits in alone] == [[1, 2], [4, 3], []]
        for hits, expected in zip(together, alone, strict=True):
            assert [hit.payload for hit in hits] == [hit.payload for hit in expected]
            assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in expected], abs=1e-6)

    async def test_asking_for_nothing_makes_no_call(self, vectors: Vectors) -> None:
        with ledger.kept() as book:
            assert await vectors.query_batch(NAME, []) == []
            assert await vectors.retrieve(NAME, []) == []
            await vectors.upsert(NAME, [])
            await vectors.delete(NAME, ids=[])
        assert book.stores == {}

    async def test_a_filtered_search_is_filled_past_a_thousand_nearer_points_of_another_classroom(
        self, vectors: Vectors
    ) -> None:
        foreign = [point(1000 + n, [1.0, n / 1e6, 0, 0], classroom_id=PHYSICS) for n in range(1000)]
        own = [point(n, [0.1, 1.0, n / 100, 0], classroom_id=BIOLOGY) for n in range(1, 8)]
        await vectors.upsert(NAME, [*foreign, *own])
        mine = only(must=[equals("classroom_id", BIOLOGY)])
        for hits in await vectors.query_batch(NAME, [search(filter=mine, limit=5), search(filter=mine, limit=50)]):
            assert set(numbers(hits)) <= set(range(1, 8))
        five, all_of_them = await vectors.query_batch(
            NAME, [search(filter=mine, limit=5), search(filter=mine, limit=50)]
        )
        assert (len(five), len(all_of_them)) == (5, 7)

    async def test_writing_a_point_twice_leaves_one_and_replaces_it_whole(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        await vectors.upsert(NAME, POINTS)
        assert await vectors.count(NAME) == 5
        await vectors.upsert(NAME, [point(1, [0, 0, 1.0, 0], page_number=9)])
        assert await vectors.count(NAME) == 5
        [[hit]] = await vectors.query_batch(NAME, [search([0, 0, 1.0, 0], limit=1, with_payload=True)])
        assert (hit.id, hit.payload) == (point_id(1), {"page_number": 9})
        assert hit.score == pytest.approx(1.0, abs=1e-5)

    async def test_points_are_retrieved_in_the_order_asked_without_doubles_or_missing_ones(
        self, vectors: Vectors
    ) -> None:
        await vectors.upsert(NAME, POINTS)
        with ledger.kept() as book:
            records = await vectors.retrieve(NAME, [point_id(4), UUID(int=99), UUID(int=2), point_id(4)])
        assert [record.id for record in records] == [point_id(4), point_id(2)]
        assert records[0].payload == POINTS[3].payload
        entry = book.stores[StoreName.QDRANT]
        assert (entry.calls, entry.rows) == (1, 2)

    async def test_a_scroll_walks_by_id_page_after_page(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS[::-1])
        first = await vectors.scroll(NAME, limit=2)
        assert (numbers(first.records), first.next_offset) == ([1, 2], point_id(3))
        second = await vectors.scroll(NAME, limit=2, offset=first.next_offset)
        assert (numbers(second.records), second.next_offset) == ([3, 4], point_id(5))
        last = await vectors.scroll(NAME, limit=2, offset=second.next_offset)
        assert (numbers(last.records), last.next_offset) == ([5], None)
        assert last.records[0].payload == POINTS[4].payload

    async def test_points_are_deleted_by_filter(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        await vectors.delete(NAME, filter=only(must=[equals("classroom_id", BIOLOGY)]))
        assert numbers((await vectors.scroll(NAME)).records) == [3, 4, 5]

    async def test_points_are_deleted_by_id_and_absent_ones_are_no_error(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        await vectors.delete(NAME, ids=[point_id(2), UUID(int=4), point_id(77)])
        assert numbers((await vectors.scroll(NAME)).records) == [1, 3, 5]

    async def test_a_delete_that_names_nothing_or_both_is_refused(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        with pytest.raises(ValueError, match="either a filter or ids"):
            await vectors.delete(NAME)
        with pytest.raises(ValueError, match="either a filter or ids"):
            await vectors.delete(NAME, ids=[point_id(1)], filter=only(must=[equals("page_number", 1)]))
        assert await vectors.count(NAME) == 5

    async def test_ensuring_again_keeps_the_points(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        await vectors.ensure([COLLECTION])
        assert await vectors.count(NAME) == 5

    async def test_a_collection_of_another_shape_stops_the_start_with_a_sentence(self, vectors: Vectors) -> None:
        with pytest.raises(StoreMisconfigured, match="'contract' exists with other vectors"):
            await vectors.ensure([replace(COLLECTION, size=8)])
        with pytest.raises(StoreMisconfigured, match="4 floats, Dot"):
            await vectors.ensure([replace(COLLECTION, distance="Dot")])

    async def test_a_missing_collection_is_named(self, vectors: Vectors) -> None:
        with pytest.raises(StoreMisconfigured, match="nowhere"):
            await vectors.query_batch("nowhere", [search()])
        with pytest.raises(StoreMisconfigured, match="nowhere"):
            await vectors.count("nowhere")

    async def test_a_vector_of_another_size_is_an_error_and_changes_nothing(self, vectors: Vectors) -> None:
        await vectors.upsert(NAME, POINTS)
        with pytest.raises(StoreError):
            await vectors.query_batch(NAME, [search([1.0, 0.0])])
        with pytest.raises(StoreError):
            await vectors.upsert(NAME, [point(6, [1.0, 0.0])])
        assert await vectors.count(NAME) == 5

    async def test_a_failed_call_is_counted_too(self, vectors: Vectors) -> None:
        with ledger.kept() as book, pytest.raises(StoreMisconfigured):
            await vectors.query_batch("nowhere", [search()])
        entry = book.stores[StoreName.QDRANT]
        assert (entry.calls, entry.rows) == (1, 0)

    async def test_a_ping_says_the_version(self, vectors: Vectors) -> None:
        assert any(character.isdigit() for character in await vectors.ping())
