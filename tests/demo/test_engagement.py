"""Do the numbers of a day follow from its events, by the rule and in the demo data?"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from math import ceil
from uuid import UUID

from datadir.cassandra.tables import UserEngagement
from resolvers.demo import habits
from resolvers.demo.people import user_id
from resolvers.demo.school import School
from resolvers.scoring import day_of_learning, engagement_score
from tests.demo.conftest import START

HOUR = 3600.0


def test_a_pause_of_more_than_half_an_hour_begins_another_session() -> None:
    # 10:00-10:20, a pause of exactly 30 minutes, 10:50-10:51:30; then 12:00 alone.
    times = [10 * HOUR, 10 * HOUR + 1200, 10 * HOUR + 3000, 10 * HOUR + 3090, 12 * HOUR]
    day = day_of_learning([(at, "/desk") for at in reversed(times)])
    assert day.total_events == 5
    assert day.unique_pages == 1
    assert day.session_count == 2
    # 51.5 minutes rounded up, and one for the lonely event.
    assert day.total_time_minutes == 53
    assert day.engagement_score == round(40 * 53 / 60 + 30 * 5 / 30 + 20 * 1 / 10 + 10 * 2 / 3, 1) == 49.0


def test_a_day_without_events_is_zero() -> None:
    assert day_of_learning([]) == (0, 0, 0, 0, 0.0)


def test_an_event_without_page_counts_as_event_alone() -> None:
    assert day_of_learning([(0.0, None), (60.0, None)])[:4] == (2, 0, 1, 1)


def test_no_part_earns_more_than_its_points() -> None:
    assert engagement_score(0, 0, 0, 0) == 0.0
    assert engagement_score(1000, 0, 0, 0) == 30.0
    assert engagement_score(0, 1000, 0, 0) == 20.0
    assert engagement_score(0, 0, 1000, 0) == 10.0
    assert engagement_score(0, 0, 0, 1000) == 40.0
    assert engagement_score(30, 10, 3, 60) == 100.0


def recomputed(person: UUID, day: int, traces: list[habits.Trace]) -> UserEngagement:
    """A day's row, counted another way: sessions by the number that the trace itself carries."""
    sessions = defaultdict(list)
    for trace in traces:
        sessions[trace.session].append(trace.at)
    minutes = sum(max(1, ceil((max(times) - min(times)) / 60)) for times in sessions.values())
    pages, events = len({trace.page for trace in traces}), len(traces)
    score = 40 * min(1, minutes / 60) + 30 * min(1, events / 30) + 20 * min(1, pages / 10)
    score += 10 * min(1, len(sessions) / 3)
    date = (START - timedelta(days=day)).date()
    return UserEngagement(person, date, events, pages, len(sessions), minutes, round(score, 1))


def test_days_are_what_the_events_of_thirty_days_make_of_them(demo: School) -> None:
    expected = [
        recomputed(person.id, 30 - nth, traces)
        for person in demo.students
        for nth, traces in enumerate(habits.month(person, habits.places(person.home or "")))
        if traces
    ]
    assert demo.engagement == expected
    dates = {day.date for day in expected}
    assert len(dates) == 30
    assert max(dates) == START.date() - timedelta(days=1)


def test_events_of_the_log_make_the_days_of_the_series(demo: School) -> None:
    by_day = defaultdict(list)
    for event in demo.events:
        by_day[UUID(event.key), event.at.date()].append((event.at.timestamp(), event.payload["page"]))
    since = START.date() - timedelta(days=2)
    days = {(day.user_id, day.date): tuple(day[2:]) for day in demo.engagement if day.date >= since}
    assert {key: tuple(day_of_learning(events)) for key, events in by_day.items()} == days


def test_scores_are_spread_and_somebody_is_drifting_away(demo: School) -> None:
    scores = [day.engagement_score for day in demo.engagement]
    assert 0 < min(scores) < 20
    assert 90 < max(scores) <= 100
    days = defaultdict(list)
    for day in demo.engagement:
        days[day.user_id].append((START.date() - day.date).days)
    assert len(days) == 120
    drifting = days[user_id(habits.DRIFTING)]
    assert sum(ago > 20 for ago in drifting) >= 2 * sum(ago <= 10 for ago in drifting)
    assert len(days[user_id("Sam Okafor")]) >= 22


def test_quiet_days_are_quiet(demo: School) -> None:
    active = defaultdict(int)
    for day in demo.engagement:
        active[(START.date() - day.date).days % 7] += 1
    quiet = [count for day, count in active.items() if day in habits.QUIET]
    others = [count for day, count in active.items() if day not in habits.QUIET]
    assert max(quiet) < 0.7 * min(others)


def test_last_logins_are_the_newest_log_ins(demo: School) -> None:
    rows = {row.id: row for row in demo.users({"": "x"})}
    newest = {UUID(event.key): event.at for event in demo.events if event.type == "log_in"}
    assert len(newest) > 80
    assert all(rows[person].last_login == at for person, at in newest.items())
    assert rows[user_id("Maya Lindqvist")].last_login is None
