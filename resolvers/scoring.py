"""How engaged was somebody on a day? One rule from what happened to the numbers of that day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

SESSION_GAP_SECONDS: Final = 30 * 60
"""A pause longer than this ends a session."""

# What earns all points of each part in a day, and how many points that part has.
FULL_MINUTES: Final = 60
FULL_EVENTS: Final = 30
FULL_PAGES: Final = 10
FULL_SESSIONS: Final = 3
POINTS: Final = (40.0, 30.0, 20.0, 10.0)


class DayOfLearning(NamedTuple):
    """The numbers of one person's UTC day, in the column order of the series. Score 0-100."""

    total_events: int
    unique_pages: int
    session_count: int
    total_time_minutes: int
    engagement_score: float


def engagement_score(events: int, pages: int, sessions: int, minutes: int) -> float:
    """0-100 with one decimal: minutes weigh 40, events 30, different pages 20, sessions 10, each up to its full
    measure, so that nobody leads by clicking."""
    parts = (minutes / FULL_MINUTES, events / FULL_EVENTS, pages / FULL_PAGES, sessions / FULL_SESSIONS)
    return round(sum(points * min(1.0, part) for points, part in zip(POINTS, parts, strict=True)), 1)


def day_of_learning(events: Iterable[tuple[float, str | None]]) -> DayOfLearning:
    """The numbers of one day from its events as (seconds, page or None), in any order.

    A session lasts from its first to its last event, in whole minutes rounded up, one at least."""
    ordered = sorted(events, key=lambda event: event[0])
    sessions = minutes = 0
    began = last = float("-inf")
    for at, _ in ordered:
        if at - last > SESSION_GAP_SECONDS:
            minutes += _minutes(began, last) if sessions else 0
            sessions += 1
            began = at
        last = at
    minutes += _minutes(began, last) if sessions else 0
    pages = len({page for _, page in ordered if page is not None})
    return DayOfLearning(
        len(ordered), pages, sessions, minutes, engagement_score(len(ordered), pages, sessions, minutes)
    )


def _minutes(began: float, last: float) -> int:
    return max(1, -int(-(last - began) // 60))
