"""What does a demo student do all day? Traces of thirty days, from habits that differ from one person to the next."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from resolvers.demo import reading
from resolvers.demo.people import Person
from resolvers.demo.roster import ACCOUNTS

DAYS: Final = 30
DAY_SECONDS: Final = 24 * 60 * 60
# Two quieter days a week, counted back from the start: no weekday may depend on the day of the first start.
QUIET: Final = (3, 4)
HOUR: Final = 60 * 60
DRIFTING: Final = "Tomas Novak"


class Trace(NamedTuple):
    """One event: seconds since midnight UTC of its day, its type, its page, the number of its session that day."""

    at: int
    type: str
    page: str
    session: int


class Habit(NamedTuple):
    """How likely a student is to come on an ordinary and on a quiet day, for how many sessions at most, how long they
    are, from which hour on; `fading` is the part of that which is lost towards the end of the month."""

    ordinary: float
    quiet: float
    sessions: int
    events: int
    hour: int
    fading: float


def habit(person: Person) -> Habit:
    """A student's habit. One in eight fades: the people that a teacher wants to find."""
    random = Random(f"habit {person.name}")
    hour = random.randint(6, 17)
    kind = random.random()
    # The student whom everybody logs in as has a full page; one classmate on it is drifting away.
    if person.name == ACCOUNTS["student"]:
        kind = 0.0
    elif person.name == DRIFTING:
        kind = 0.3
    if kind < 0.22:
        return Habit(0.97, 0.6, 3, 16, hour, 0.0)
    if kind < 0.34:
        return Habit(0.85, 0.3, 2, 11, hour, 0.9)
    if kind < 0.5:
        return Habit(0.5, 0.1, 2, 9, hour, 0.0)
    return Habit(0.85, 0.3, 2, 12, hour, 0.15)


def places(classroom: str) -> list[tuple[str, str]]:
    """What can be done in a classroom, as (type of event, page); what happens more often stands there more often."""
    home = f"/classrooms/{classroom}"
    made = [("page_view", home), ("page_view", home), ("page_view", f"{home}/members"), ("search", f"{home}/search")]
    for lesson in reading.lessons(classroom):
        page = f"{home}/meetings/{_slug(lesson.title)}"
        made.append(("page_view", page))
        if lesson.mark in reading.LESSONS_WITH_TRANSCRIPT:
            made += [("recording_play", page), ("transcript_read", page)]
    for number in (1, 2):
        made += [("document_open", f"{home}/documents/{reading.document(classroom, number).filename}")] * 2
    for assessment in reading.assessments(classroom):
        made.append(("page_view", f"{home}/assessments/{_slug(assessment.title)}"))
    return made


def _slug(title: str) -> str:
    return "-".join("".join(letter for letter in title.lower() if letter.isalnum() or letter == " ").split())


def month(person: Person, where: list[tuple[str, str]]) -> list[list[Trace]]:
    """The traces of each day, the first of 30 first; a day without any is empty. `where` as `places` makes it."""
    known = habit(person)
    random = Random(f"month {person.name}")
    return [_day(random, known, where, ago) for ago in range(DAYS, 0, -1)]


def _day(random: Random, known: Habit, where: list[tuple[str, str]], ago: int) -> list[Trace]:
    likely = known.quiet if ago % 7 in QUIET else known.ordinary
    if random.random() >= likely * (1 - known.fading * (DAYS - ago) / DAYS):
        return []
    traces: list[Trace] = []
    clock = known.hour * HOUR + random.randrange(2 * HOUR)
    for session in range(random.randint(1, known.sessions)):
        traces.append(Trace(clock, "log_in", "/desk", session))
        for _ in range(random.randint(3, known.events)):
            clock += random.randint(15, 300)
            kind, page = where[random.randrange(len(where))]
            traces.append(Trace(clock, kind, page, session))
        clock += random.randint(HOUR, 2 * HOUR)
    return [trace for trace in traces if trace.at < DAY_SECONDS]
