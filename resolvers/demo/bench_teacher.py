"""Whose page is large enough to be timed? A teacher of fifty classrooms, at the demo school's largest size only.

Rows and no texts: 50 classrooms with 20 members, the teacher among them, and 5 meetings each. Nobody else sits in two
of these classrooms, so that a page of all of them shows 950 different students.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from datadir.postgresql.tables import Classroom, Meeting
from resolvers.demo.lessons import LESSON_MINUTES, meeting_id
from resolvers.demo.people import SCHOOL_AGE, Membership, Person, classroom_id, user_id
from resolvers.demo.roster import CLASSROOMS, DOMAIN

SIZE: Final = 10
"""The size of a school that has this teacher."""
ACCOUNT: Final = "bench"
TEACHER: Final = Person(user_id("Dora Whitfield"), "Dora Whitfield", f"{ACCOUNT}@{DOMAIN}", "teacher")
# The keys of the classrooms; their names are in the same order.
KEYS: Final = tuple(f"{ACCOUNT}-{number:02}" for number in range(1, 51))
STUDENTS: Final = 19
# Days before the start of the five meetings; the last one is still to come.
MEETINGS: Final = (22, 15, 8, 1, -6)


def memberships(students: list[Person]) -> list[Membership]:
    """Who is in which classroom. The students are the last of `students`, whom the roster does not name."""
    seats = iter(students[-STUDENTS * len(KEYS) :])
    made = []
    for key in KEYS:
        made.append(Membership(TEACHER, key, "teacher", 0))
        made += [Membership(next(seats), key, "student", nth) for nth in range(1, STUDENTS + 1)]
    return made


def classroom_rows(start: datetime) -> list[Classroom]:
    """The fifty classrooms; nobody joins them by a code."""
    made_at = start - SCHOOL_AGE
    return [
        Classroom(
            id=classroom_id(key),
            name=f"Course {number:02}",
            description=None,
            subject=CLASSROOMS[number % len(CLASSROOMS)].subject,
            teacher_id=TEACHER.id,
            created_at=made_at,
            updated_at=made_at,
        )
        for number, key in enumerate(KEYS, start=1)
    ]


def meeting_rows(start: datetime) -> list[Meeting]:
    """Five weekly meetings of each classroom."""
    return [
        Meeting(
            id=meeting_id(key, title),
            classroom_id=classroom_id(key),
            title=title,
            scheduled_at=at,
            duration_minutes=LESSON_MINUTES,
            status="scheduled" if at > start else "ended",
            created_by=TEACHER.id,
            created_at=at - timedelta(days=7),
            updated_at=at - timedelta(days=7),
        )
        for key in KEYS
        for week, days in enumerate(MEETINGS, start=1)
        for title, at in [(f"Lesson {week}", start - timedelta(days=days))]
    ]
