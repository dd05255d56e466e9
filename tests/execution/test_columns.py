"""Is what is written for a whole level in one go what would be written for each value alone?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest

from graph.ids import encode, encode_all
from graph.types.scalars import TOGETHER, DateScalar, DateTimeScalar

INDIA = timezone(timedelta(hours=5, minutes=30))
EARLY = datetime(999, 1, 2, 3, 4, 5, 999, tzinfo=UTC)
LATE = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
WHOLE_SECOND = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ELSEWHERE = datetime(2026, 1, 1, 1, 1, 1, 250_000, tzinfo=INDIA)


@pytest.mark.parametrize("type_name", ["User", "Course", "Meeting"])
@pytest.mark.parametrize(
    "keys",
    [
        [UUID(int=number) for number in range(5)],
        [UUID(int=1)],
        [],
        ["a", "bb", "ccc", "dddd"],
        ["seven", "\0\0\0\0\0", "=====", "::::"],
        ["Jörg", "Zoë!", "Ana:", "日本語。"],
    ],
    ids=["uuids", "one", "none", "of other lengths", "odd letters", "more than ASCII"],
)
def test_the_ids_of_a_level_are_those_of_its_records(type_name: str, keys: Sequence[object]) -> None:
    assert encode_all(type_name, keys) == [encode(type_name, key) for key in keys]


@pytest.mark.parametrize(
    ("moments", "written"),
    [
        ([LATE, EARLY], ["9999-12-31T23:59:59.999Z", "0999-01-02T03:04:05.000Z"]),
        ([WHOLE_SECOND], ["2026-11-21T09:30:00.000Z"]),
        ([LATE, WHOLE_SECOND], ["9999-12-31T23:59:59.999Z", "2026-11-21T09:30:00.000Z"]),
        ([ELSEWHERE, LATE], ["2025-12-31T19:31:01.250Z", "9999-12-31T23:59:59.999Z"]),
    ],
    ids=["cut to milliseconds", "a whole second", "both", "of another zone"],
)
def test_the_moments_of_a_level_are_those_of_its_records(moments: list[datetime], written: list[str]) -> None:
    assert TOGETHER["DateTime"](moments) == written
    assert [DateTimeScalar.serialize(each) for each in moments] == written


def test_the_days_of_a_level_are_those_of_its_records() -> None:
    days = [date(2026, 11, 21), date(1, 1, 1), date(9999, 12, 31)]
    assert TOGETHER["Date"](days) == ["2026-11-21", "0001-01-01", "9999-12-31"]
    assert [DateScalar.serialize(each) for each in days] == ["2026-11-21", "0001-01-01", "9999-12-31"]


@pytest.mark.parametrize("odd", ["2026-11-21", date(2026, 11, 21), 7, None])
def test_what_is_no_moment_is_left_to_be_looked_at_alone(odd: object) -> None:
    assert TOGETHER["DateTime"]([WHOLE_SECOND, odd]) is None


def test_a_moment_is_no_day() -> None:
    assert TOGETHER["Date"]([date(2026, 11, 21), WHOLE_SECOND]) is None
