"""How engaged are the demo students? Days of the series and the newest events, both from the same traces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from datadir.cassandra.tables import UserEngagement
from datadir.kafka.event import Event
from resolvers.demo.habits import DAYS, Trace, month, places
from resolvers.demo.identity import fixed_id, fixed_object_id
from resolvers.demo.people import Person, classroom_id, user_id
from resolvers.demo.roster import CLASSROOMS
from resolvers.scoring import day_of_learning

TOPIC: Final = "learning.events"
DAYS_IN_LOG: Final = 2
LOOKING: Final = frozenset({"page_view", "search"})


class Activity(NamedTuple):
    """What the students left behind: a row per person and day with events, the events of the last two days in order
    of time, and when each person logged in last."""

    days: list[UserEngagement]
    events: list[Event]
    last_logins: Mapping[UUID, datetime]


def activity(students: list[Person], start: datetime) -> Activity:
    """Thirty whole UTC days up to the one before the start."""
    midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
    where = {plan.key: places(plan.key) for plan in CLASSROOMS}
    days: list[UserEngagement] = []
    events: list[Event] = []
    last_logins: dict[UUID, datetime] = {}
    for person in students:
        assert person.home is not None
        for ago, traces in zip(range(DAYS, 0, -1), month(person, where[person.home]), strict=True):
            if not traces:
                continue
            day = midnight - timedelta(days=ago)
            numbers = day_of_learning((trace.at, trace.page) for trace in traces)
            days.append(UserEngagement(person.id, day.date(), *numbers))
            log_in = max(trace.at for trace in traces if trace.type == "log_in")
            last_logins[person.id] = day + timedelta(seconds=log_in)
            if ago <= DAYS_IN_LOG:
                events += (_event(person, trace, nth, ago, day) for nth, trace in enumerate(traces))
    events.sort(key=lambda event: (event.at, event.event_id))
    return Activity(days, events, last_logins)


def logs(events: list[Event]) -> list[dict[str, Any]]:
    """What those who speak in lessons did in those days, as documents of `activity_logs`, `_id` as text: enough to look
    at, for a store that takes its time. Pages that were merely looked at are left out."""
    speakers = {str(user_id(name)) for plan in CLASSROOMS for name in plan.speakers}
    return [
        {
            "_id": fixed_object_id("activity", event.event_id),
            "user_id": event.key,
            "action": event.type,
            "resource_type": None if event.payload["classroom_id"] is None else "classroom",
            "resource_id": event.payload["classroom_id"],
            "metadata": {"page": event.payload["page"]},
            "ip_address": None,
            "user_agent": None,
            "timestamp": event.at,
        }
        for event in events
        if event.key in speakers and event.type not in LOOKING
    ]


def _event(person: Person, trace: Trace, nth: int, ago: int, day: datetime) -> Event:
    # The class is known for everything but the log-in, which belongs to no classroom.
    where = None if trace.type == "log_in" or person.home is None else str(classroom_id(person.home))
    return Event(
        event_id=fixed_id("event", person.name, ago, nth),
        topic=TOPIC,
        key=str(person.id),
        type=trace.type,
        payload={
            "user_id": str(person.id),
            "session_id": f"{ago}-{trace.session}-{person.id.hex[:8]}",
            "page": trace.page,
            "classroom_id": where,
            "properties": {},
        },
        at=day + timedelta(seconds=trace.at),
    )
