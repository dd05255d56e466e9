"""Which courses does the demo school have, and who takes them?"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from datadir.postgresql.tables import Course, Enrollment
from resolvers.demo.identity import fixed_id
from resolvers.demo.people import user_id
from resolvers.demo.roster import ACCOUNTS, BY_KEY

TAKEN: Final = "A First Look at Plants"
"""The course that the demo student takes."""
OPEN: Final = "Keeping a Lab Notebook"
"""One that anybody may take and the demo student does not."""
DRAFT: Final = "Photosynthesis for the Curious"
"""One that its teacher is still writing."""


class CoursePlan(NamedTuple):
    """A course before it has dates. `learners` are people of the roster and how far they are, in percent."""

    title: str
    description: str
    difficulty: str
    status: str
    teacher: str
    learners: tuple[tuple[str, int], ...] = ()


_BIOLOGY: Final = BY_KEY["biology"]
COURSES: Final = (
    CoursePlan(
        TAKEN,
        "Six short lessons with a leaf, a lens and a glass of water. For whoever wants to know what green is for.",
        "beginner",
        "published",
        _BIOLOGY.teacher,
        tuple((name, 20 + 15 * nth) for nth, name in enumerate(_BIOLOGY.speakers)),
    ),
    CoursePlan(
        "Proofs Without Fear",
        "What a proof is, why one is enough, and how to find the first line of it.",
        "intermediate",
        "published",
        BY_KEY["mathematics"].teacher,
        ((ACCOUNTS["student"], 100), *((name, 10 * nth) for nth, name in enumerate(BY_KEY["mathematics"].speakers))),
    ),
    CoursePlan(
        OPEN,
        "What to write down, when, and for whom: so that somebody else can do again what you did.",
        "beginner",
        "published",
        _BIOLOGY.teacher,
        tuple((name, 5 * nth) for nth, name in enumerate(BY_KEY["physics"].speakers)),
    ),
    CoursePlan(
        DRAFT, "From light to sugar, slowly, with everything that can go wrong.", "advanced", "draft", _BIOLOGY.teacher
    ),
)


def course_id(title: str) -> UUID:
    """The id of a course."""
    return fixed_id("course", title)


def course_rows(start: datetime) -> list[Course]:
    """The four courses, the first one made first."""
    return [
        Course(
            id=course_id(plan.title),
            title=plan.title,
            description=plan.description,
            difficulty=plan.difficulty,
            status=plan.status,
            instructor_id=user_id(plan.teacher),
            created_at=at,
            updated_at=at,
        )
        for nth, plan in enumerate(COURSES)
        for at in [start - timedelta(days=50 - nth)]
    ]


def enrollment_rows(start: datetime) -> list[Enrollment]:
    """Who takes them, one learner an hour."""
    return [
        Enrollment(
            id=fixed_id("enrollment", plan.title, name),
            course_id=course_id(plan.title),
            user_id=user_id(name),
            status="completed" if percent == 100 else "active",
            progress_percent=Decimal(percent),
            enrolled_at=at,
            created_at=at,
            updated_at=at,
        )
        for nth, plan in enumerate(COURSES)
        for hour, (name, percent) in enumerate(plan.learners)
        for at in [start - timedelta(days=30 - nth, hours=-hour)]
    ]
