"""What do the series promise, whether PostgreSQL keeps them or Cassandra?"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final
from uuid import UUID, uuid4

import pytest

from datadir.cassandra.client import Series
from datadir.cassandra.tables import (
    EVENTS,
    LEARNING_PROGRESS,
    PAGE_VIEW_STATS,
    TABLES,
    USER_ENGAGEMENT,
    LearningWeek,
    PageViews,
    SeriesTable,
    TrackedEvent,
    UserEngagement,
)
from datadir.errors import BadPageToken
from datadir.ledger import kept
from datadir.names import StoreName

SHORT_LIVED: Final = SeriesTable(
    "contract_short_lived",
    TrackedEvent,
    EVENTS.partition,
    EVENTS.clustering,
    EVENTS.values,
    about="Rows that live for a second",
    ttl=timedelta(seconds=1),
)
CONTRACT_TABLES: Final = (*TABLES, SHORT_LIVED)
FIRST: Final = date(2026, 3, 1)
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def day(user: UUID, nth: int, score: float = 50.0) -> UserEngagement:
    return UserEngagement(user, FIRST + timedelta(days=nth), 2**40 + nth, nth, 1, 30, score)


def tracked(hour: str, at: datetime, event_id: UUID | None = None, **properties: str) -> TrackedEvent:
    return TrackedEvent(hour, at, event_id or uuid4(), "page_view", UUID(int=7), properties)


class SeriesContract:
    """`series` knows the tables of `CONTRACT_TABLES`."""

    async def test_rows_come_back_as_they_were_written_newest_first(self, series: Series) -> None:
        user = uuid4()
        rows = [day(user, nth, 0.1 * nth) for nth in range(5)]
        await series.write(USER_ENGAGEMENT, rows)
        [found] = await series.read(USER_ENGAGEMENT, [(user,)])
        assert found == rows[::-1]
        assert [type(value) for value in found[0]][1:] == [date, int, int, int, int, float]
        assert isinstance(found[0], UserEngagement)

    async def test_every_kind_of_column_survives(self, series: Series) -> None:
        user, hour = uuid4(), f"h-{uuid4()}"
        week = LearningWeek(user, "数学", FIRST, 3, 45, 87.25, frozenset({"Brüche", "a 'b' \"c\"", ""}))
        await series.write(LEARNING_PROGRESS, [week])
        assert await series.read(LEARNING_PROGRESS, [(user, "数学")]) == [[week]]
        cet = timezone(timedelta(hours=1))
        event = tracked(hour, datetime(2026, 3, 1, 0, 30, 1, 123_999, tzinfo=cet), page="/a?b='c'", empty="")
        await series.write(EVENTS, [event])
        [[found]] = await series.read(EVENTS, [(hour,)])
        assert found == event._replace(event_time=datetime(2026, 2, 28, 23, 30, 1, 123_000, tzinfo=UTC))
        assert found.event_time.utcoffset() == timedelta(0)
        assert type(found.properties) is dict

    async def test_values_may_be_missing_and_empty_collections_are_empty(self, series: Series) -> None:
        user, hour = uuid4(), f"h-{uuid4()}"
        await series.write(LEARNING_PROGRESS, [(user, "art", FIRST, None, None, None, frozenset())])
        [[week]] = await series.read(LEARNING_PROGRESS, [(user, "art")])
        assert week == LearningWeek(user, "art", FIRST, None, None, None, frozenset())  # type: ignore[arg-type]
        await series.write(EVENTS, [tracked(hour, NOON), (hour, NOON - timedelta(hours=1), uuid4(), "x", None, None)])
        [rows] = await series.read(EVENTS, [(hour,)])
        assert [row.properties for row in rows] == [{}, {}]

    async def test_a_row_with_the_same_key_is_replaced_whole(self, series: Series) -> None:
        user = uuid4()
        await series.write(USER_ENGAGEMENT, [day(user, 0, 10.0)])
        await series.write(USER_ENGAGEMENT, [(user, FIRST, 5, None, None, None, 20.0)])
        assert await series.read(USER_ENGAGEMENT, [(user,)]) == [[(user, FIRST, 5, None, None, None, 20.0)]]

    async def test_of_two_rows_with_one_key_in_one_batch_the_last_stays(self, series: Series) -> None:
        user = uuid4()
        await series.write(USER_ENGAGEMENT, [day(user, 0, 1.0), day(user, 1, 2.0), day(user, 0, 3.0)])
        [found] = await series.read(USER_ENGAGEMENT, [(user,)])
        assert [row.engagement_score for row in found] == [2.0, 3.0]

    async def test_bounds_are_half_open(self, series: Series) -> None:
        user = uuid4()
        await series.write(USER_ENGAGEMENT, [day(user, nth) for nth in range(6)])

        async def days(**bounds: date) -> list[int]:
            [found] = await series.read(USER_ENGAGEMENT, [(user,)], **bounds)
            return [row.unique_pages for row in found]

        assert await days(lower=FIRST + timedelta(days=2)) == [5, 4, 3, 2]
        assert await days(upper=FIRST + timedelta(days=2)) == [1, 0]
        assert await days(lower=FIRST + timedelta(days=2), upper=FIRST + timedelta(days=4)) == [3, 2]
        assert await days(lower=FIRST + timedelta(days=2), upper=FIRST + timedelta(days=2)) == []

    async def test_bounds_between_milliseconds_are_exact(self, series: Series) -> None:
        hour = f"h-{uuid4()}"
        half = timedelta(microseconds=500)
        await series.write(EVENTS, [tracked(hour, NOON)])
        for bounds, number in (
            ({"lower": NOON}, 1),
            ({"lower": NOON + half}, 0),
            ({"upper": NOON}, 0),
            ({"upper": NOON + half}, 1),
            ({"lower": NOON - half, "upper": NOON + half}, 1),
        ):
            [found] = await series.read(EVENTS, [(hour,)], **bounds)  # type: ignore[arg-type]
            assert len(found) == number, bounds

    async def test_a_batch_is_the_union_of_its_single_reads(self, series: Series) -> None:
        users = [uuid4() for _ in range(100)]
        await series.write(USER_ENGAGEMENT, [day(user, nth) for at, user in enumerate(users) for nth in range(at % 4)])
        bounds = {"lower": FIRST, "upper": FIRST + timedelta(days=2)}
        batch = await series.read(USER_ENGAGEMENT, [(user,) for user in users], **bounds)
        singles = [(await series.read(USER_ENGAGEMENT, [(user,)], **bounds))[0] for user in users]
        assert batch == singles
        assert [len(rows) for rows in batch] == [min(at % 4, 2) for at in range(100)]

    async def test_duplicates_and_missing_partitions_keep_their_places(self, series: Series) -> None:
        one, two, nobody = uuid4(), uuid4(), uuid4()
        await series.write(USER_ENGAGEMENT, [day(one, 0), day(two, 1)])
        found = await series.read(USER_ENGAGEMENT, [(two,), (nobody,), (one,), (two,)])
        assert found == [[day(two, 1)], [], [day(one, 0)], [day(two, 1)]]
        assert found[0] is not found[3]
        assert await series.read(USER_ENGAGEMENT, []) == []

    async def test_a_limit_counts_in_each_partition(self, series: Series) -> None:
        one, two = uuid4(), uuid4()
        await series.write(USER_ENGAGEMENT, [day(user, nth) for user in (one, two) for nth in range(5)])
        found = await series.read(USER_ENGAGEMENT, [(one,), (two,)], limit=2)
        assert found == [[day(one, 4), day(one, 3)], [day(two, 4), day(two, 3)]]

    async def test_directions_of_clustering_columns_may_differ(self, series: Series) -> None:
        on = date.fromordinal(uuid4().int % 700_000 + 1)
        for hour, page in ((9, "/b"), (9, "/B"), (10, "/é"), (10, "/z"), (9, "/a")):
            await series.increment(PAGE_VIEW_STATS, (on, hour, page))
        [found] = await series.read(PAGE_VIEW_STATS, [(on,)])
        assert [(row.hour, row.page) for row in found] == [(10, "/z"), (10, "/é"), (9, "/B"), (9, "/a"), (9, "/b")]

    async def test_counters_lose_nothing_under_concurrency(self, series: Series) -> None:
        on = date.fromordinal(uuid4().int % 700_000 + 1)
        await asyncio.gather(*(series.increment(PAGE_VIEW_STATS, (on, 12, "/home"), by) for by in [1, 2, 3] * 20))
        await series.increment(PAGE_VIEW_STATS, (on, 12, "/home"), -20)
        assert await series.read(PAGE_VIEW_STATS, [(on,)]) == [[PageViews(on, 12, "/home", 100)]]

    async def test_pages_together_are_the_partition(self, series: Series) -> None:
        hour = f"h-{uuid4()}"
        # Several events share a time, so that pages end within one.
        rows = [tracked(hour, NOON + timedelta(milliseconds=nth // 3)) for nth in range(25)]
        await series.write(EVENTS, rows)
        [whole] = await series.read(EVENTS, [(hour,)])
        assert whole == sorted(rows, key=lambda row: (-row.event_time.timestamp(), row.event_id))
        for size in (1, 4, 5, 24, 25, 26):
            pages: list[TrackedEvent] = []
            token: str | None = None
            while True:
                page, token = await series.read_page(EVENTS, (hour,), limit=size, page_token=token)
                assert len(page) <= size
                pages += page
                if token is None:
                    break
            assert pages == whole, size

    async def test_pages_keep_to_their_bounds(self, series: Series) -> None:
        hour = f"h-{uuid4()}"
        await series.write(EVENTS, [tracked(hour, NOON + timedelta(minutes=nth)) for nth in range(10)])
        bounds = {"lower": NOON + timedelta(minutes=2), "upper": NOON + timedelta(minutes=8)}
        first, token = await series.read_page(EVENTS, (hour,), limit=4, **bounds)
        second, _ = await series.read_page(EVENTS, (hour,), limit=4, page_token=token, **bounds)
        assert [row.event_time.minute for row in first + second] == [7, 6, 5, 4, 3, 2]

    async def test_an_empty_partition_is_one_empty_page(self, series: Series) -> None:
        assert await series.read_page(EVENTS, (f"h-{uuid4()}",), limit=5) == ([], None)

    async def test_a_page_token_opens_its_own_read_only(self, series: Series) -> None:
        hour, other, user = f"h-{uuid4()}", f"h-{uuid4()}", uuid4()
        for each in (hour, other):
            await series.write(EVENTS, [tracked(each, NOON + timedelta(minutes=nth)) for nth in range(6)])
        await series.write(USER_ENGAGEMENT, [day(user, nth) for nth in range(6)])
        _, token = await series.read_page(EVENTS, (hour,), limit=2)
        assert token is not None
        altered = ("A" if token[0] != "A" else "B") + token[1:]
        for forged in ("", "x", "é", "\x00", "A" * 40, "A" * 10_000, token[:-4], token + "AAAA", altered):
            with pytest.raises(BadPageToken):
                await series.read_page(EVENTS, (hour,), limit=2, page_token=forged)
        with pytest.raises(BadPageToken):
            await series.read_page(EVENTS, (other,), limit=2, page_token=token)
        with pytest.raises(BadPageToken):
            await series.read_page(EVENTS, (hour,), limit=2, page_token=token, lower=NOON)
        with pytest.raises(BadPageToken):
            await series.read_page(USER_ENGAGEMENT, (user,), limit=2, page_token=token)
        rows, _ = await series.read_page(EVENTS, (hour,), limit=2, page_token=token)
        assert [row.event_time.minute for row in rows] == [3, 2]

    async def test_rows_vanish_when_their_time_is_over(self, series: Series) -> None:
        hour = f"h-{uuid4()}"
        await series.write(SHORT_LIVED, [tracked(hour, NOON)])
        async with asyncio.timeout(10):
            # The server's clock cannot be moved.
            while await series.read(SHORT_LIVED, [(hour,)]) != [[]]:
                await asyncio.sleep(0.1)
        assert await series.read_page(SHORT_LIVED, (hour,), limit=5) == ([], None)
        await series.write(SHORT_LIVED, [tracked(hour, NOON)])  # the same key lives again
        assert len((await series.read(SHORT_LIVED, [(hour,)]))[0]) == 1

    async def test_nothing_is_read_or_written_without_a_whole_key(self, series: Series) -> None:
        user = uuid4()
        for wrong in (
            series.read(LEARNING_PROGRESS, [(user,)]),
            series.read(LEARNING_PROGRESS, [(user, None)]),
            series.read(USER_ENGAGEMENT, [()]),
            series.read_page(LEARNING_PROGRESS, (user,), limit=5),
            series.write(USER_ENGAGEMENT, [(user, None, 1, 1, 1, 1, 1.0)]),
            series.write(USER_ENGAGEMENT, [(user, FIRST)]),
            series.increment(PAGE_VIEW_STATS, (FIRST, 1)),
        ):
            with pytest.raises(ValueError, match=r"is read by|not a row|not a key"):
                await wrong

    async def test_what_makes_no_sense_is_a_defect_of_the_caller(self, series: Series) -> None:
        user, hour = uuid4(), f"h-{uuid4()}"
        for wrong, why in (
            (series.write(PAGE_VIEW_STATS, [(FIRST, 1, "/", 1)]), "increment it"),
            (series.increment(USER_ENGAGEMENT, (user, FIRST)), "write it"),
            (series.read(USER_ENGAGEMENT, [(user,)], limit=0), "a limit"),
            (series.read_page(USER_ENGAGEMENT, (user,), limit=0), "a limit"),
            (series.write(EVENTS, [tracked(hour, datetime(2026, 3, 1))]), "time zone"),
            (series.read(EVENTS, [(hour,)], lower=datetime(2026, 3, 1)), "time zone"),
        ):
            with pytest.raises(ValueError, match=why):
                await wrong

    async def test_many_rows_are_written_and_read_at_once(self, series: Series) -> None:
        hours = [f"h-{uuid4()}" for _ in range(3)]
        rows = [
            tracked(hour, NOON + timedelta(milliseconds=nth), UUID(int=nth)) for hour in hours for nth in range(2000)
        ]
        await series.write(EVENTS, rows)
        assert [len(found) for found in await series.read(EVENTS, [(hour,) for hour in hours])] == [2000] * 3

    async def test_a_batch_is_one_store_call(self, series: Series) -> None:
        users = [uuid4() for _ in range(20)]
        with kept() as ledger:
            await series.write(USER_ENGAGEMENT, [day(user, 0) for user in users])
            await series.read(USER_ENGAGEMENT, [(user,) for user in users])
            await series.read_page(USER_ENGAGEMENT, (users[0],), limit=5)
            await series.increment(PAGE_VIEW_STATS, (FIRST, 0, str(uuid4())))
        assert list(ledger.stores) == [StoreName.CASSANDRA]
        assert ledger.stores[StoreName.CASSANDRA].calls == 4

    async def test_the_store_says_what_it_is(self, series: Series) -> None:
        assert await series.ping()
