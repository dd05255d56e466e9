"""Which series are there? Seed 001's tables of keyspace `analytics`, as data: the CQL files, the production client and
the embedded tables are all made from it.

A series is read by whole partition key: nothing here can ask for less, so no statement ever scans (`ALLOW FILTERING`
is not in the vocabulary). Within a partition, rows lie in the order of the clustering columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

R = TypeVar("R", bound=tuple[Any, ...])

KEYSPACE: Final = "analytics"


class Kind(StrEnum):
    """The type of a column, as CQL writes it."""

    UUID = "uuid"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TEXT = "text"
    INT = "int"
    BIGINT = "bigint"
    DOUBLE = "double"
    COUNTER = "counter"
    TEXT_SET = "set<text>"
    TEXT_MAP = "map<text, text>"


class Column(NamedTuple):
    """One column. `descending` has a meaning for clustering columns only."""

    name: str
    kind: Kind
    descending: bool = False


@dataclass(frozen=True, eq=False)  # a table is itself: what is made for it is kept under its identity
class SeriesTable(Generic[R]):
    """One series: `row` is the NamedTuple that reads return, its fields in the order partition, clustering, values."""

    name: str
    row: type[R]
    partition: tuple[Column, ...]
    clustering: tuple[Column, ...]
    values: tuple[Column, ...]
    about: str
    ttl: timedelta | None = None

    def __post_init__(self) -> None:
        fields = getattr(self.row, "_fields", ())
        if fields != tuple(column.name for column in self.columns):
            raise TypeError(f"the row of {self.name} has other fields than the table: {fields}")

    @property
    def key(self) -> tuple[Column, ...]:
        """The columns that make a row one."""
        return self.partition + self.clustering

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.partition + self.clustering + self.values

    @cached_property
    def counter(self) -> bool:
        """Whether the one value is a counter: incremented, never written."""
        return any(column.kind is Kind.COUNTER for column in self.values)

    def checked_partitions(self, partitions: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Partition keys as tuples. Raises ValueError for one that is not whole."""
        keys = [tuple(each) for each in partitions]
        width = len(self.partition)
        for each in keys:
            whole = len(each) == width
            for value in each:
                # Not `None in each`: that compares it with every UUID, which takes longer than all the rest.
                if value is None:
                    whole = False
            if not whole:
                raise ValueError(f"{self.name} is read by {width} partition column(s), not by {each!r}")
        return keys

    def checked_rows(self, rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Rows as they are written: one for each key (the last one given wins, as in two writes one after another),
        times cut to milliseconds. Raises ValueError for a counter table, a missing part of the key, or a time
        without zone."""
        if self.counter:
            raise ValueError(f"{self.name} counts: increment it")
        times = [at for at, column in enumerate(self.columns) if column.kind is Kind.TIMESTAMP]
        by_key: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for row in rows:
            written = list(row)
            if len(written) != len(self.columns) or None in written[: len(self.key)]:
                raise ValueError(f"not a row of {self.name}: {row!r}")
            for at in times:
                if written[at] is not None:
                    written[at] = milliseconds(written[at])
            by_key.pop(tuple(written[: len(self.key)]), None)
            by_key[tuple(written[: len(self.key)])] = tuple(written)
        return list(by_key.values())

    def checked_counter_key(self, key: Sequence[Any]) -> tuple[Any, ...]:
        """A whole key of a counter table. Raises ValueError otherwise."""
        if not self.counter:
            raise ValueError(f"{self.name} does not count: write it")
        if len(key) != len(self.key) or None in key:
            raise ValueError(f"not a key of {self.name}: {key!r}")
        return tuple(key)

    def checked_bound(self, bound: Any) -> Any:
        """A bound of the first clustering column; between milliseconds it means the next one, where a row may be."""
        return milliseconds(bound, up=True) if isinstance(bound, datetime) else bound


def aligned(
    wanted: Sequence[tuple[Any, ...]], each_once: Sequence[tuple[Any, ...]], found: list[list[R]]
) -> list[list[R]]:
    """The rows of every partition in `wanted`, from `found`, which is aligned with `each_once`."""
    if len(wanted) == len(each_once):
        return found
    by_partition = dict(zip(each_once, found, strict=True))
    return [list(by_partition[partition]) for partition in wanted]


def milliseconds(at: datetime, *, up: bool = False) -> datetime:
    """A time as the series keeps it, cut (or raised) to the millisecond. Raises ValueError without time zone."""
    if at.tzinfo is None:
        raise ValueError("a time in a series needs a time zone")
    past = at.microsecond % 1000
    return at + timedelta(microseconds=1000 - past) if up and past else at - timedelta(microseconds=past)


def checked_limit(limit: int) -> int:
    """A number of rows. Raises ValueError below one."""
    if limit < 1:
        raise ValueError(f"a limit is at least 1, not {limit}")
    return limit


class UserEngagement(NamedTuple):
    """One UTC day of one person; `engagement_score` from 0 to 100."""

    user_id: UUID
    date: date
    total_events: int
    unique_pages: int
    session_count: int
    total_time_minutes: int
    engagement_score: float


class PageViews(NamedTuple):
    """How often a page was opened within an hour (0-23, UTC)."""

    date: date
    hour: int
    page: str
    view_count: int


class LearningWeek(NamedTuple):
    """One person's week (its Monday) in one subject; `average_score` from 0 to 100."""

    user_id: UUID
    subject: str
    week_start: date
    lessons_completed: int
    time_spent_minutes: int
    average_score: float
    topics_mastered: frozenset[str]


class TrackedEvent(NamedTuple):
    """One event as it was reported; `partition_key` is its hour in UTC, `YYYY-MM-DD-HH`."""

    partition_key: str
    event_time: datetime
    event_id: UUID
    event_type: str
    user_id: UUID
    properties: Mapping[str, str]


USER_ENGAGEMENT: Final = SeriesTable(
    "user_engagement",
    UserEngagement,
    partition=(Column("user_id", Kind.UUID),),
    clustering=(Column("date", Kind.DATE, descending=True),),
    values=(
        Column("total_events", Kind.BIGINT),
        Column("unique_pages", Kind.INT),
        Column("session_count", Kind.INT),
        Column("total_time_minutes", Kind.INT),
        Column("engagement_score", Kind.DOUBLE),
    ),
    about="What a person did on a day, newest first",
)
PAGE_VIEW_STATS: Final = SeriesTable(
    "page_view_stats",
    PageViews,
    partition=(Column("date", Kind.DATE),),
    clustering=(Column("hour", Kind.INT, descending=True), Column("page", Kind.TEXT)),
    values=(Column("view_count", Kind.COUNTER),),
    about="How often each page was opened, by hour",
)
LEARNING_PROGRESS: Final = SeriesTable(
    "learning_progress",
    LearningWeek,
    partition=(Column("user_id", Kind.UUID), Column("subject", Kind.TEXT)),
    clustering=(Column("week_start", Kind.DATE, descending=True),),
    values=(
        Column("lessons_completed", Kind.INT),
        Column("time_spent_minutes", Kind.INT),
        Column("average_score", Kind.DOUBLE),
        Column("topics_mastered", Kind.TEXT_SET),
    ),
    about="What a person learned in a subject, by week, newest first",
)
EVENTS: Final = SeriesTable(
    "events",
    TrackedEvent,
    partition=(Column("partition_key", Kind.TEXT),),
    clustering=(Column("event_time", Kind.TIMESTAMP, descending=True), Column("event_id", Kind.UUID)),
    values=(
        Column("event_type", Kind.TEXT),
        Column("user_id", Kind.UUID),
        Column("properties", Kind.TEXT_MAP),
    ),
    about="Every event of an hour, newest first, kept for a week",
    ttl=timedelta(days=7),
)
TABLES: Final[tuple[SeriesTable[Any], ...]] = (PAGE_VIEW_STATS, USER_ENGAGEMENT, LEARNING_PROGRESS, EVENTS)
