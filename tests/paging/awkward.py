"""Which rows make paging hard? Equal values, nulls, texts that look like patterns; beside the demo, for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from datadir.postgresql.tables import Assessment, Classroom, ClassroomMember, Meeting
from datadir.scope import SYSTEM
from graph.ids import encode
from loaders.writing import insert_rows
from tests.running_school import RunningSchool

EPOCH: Final = datetime(2026, 3, 1, 8, tzinfo=UTC)
# Texts of a filter mean themselves; upper and lower case are told apart by an order and not by `contains`.
TITLES: Final = (
    "100 % sure",
    "100 percent",
    "a_b",
    "aXb",
    "A_B",
    "back\\slash",
    "",
    "Zebra",
    "zebra",
    "quote ' and \"",
)
ROLES: Final = ("student", "student", "assistant", "teacher")
STATUSES: Final = ("scheduled", "live", "ended", "cancelled")
TYPES: Final = ("quiz", "exam", "assignment")


def key(kind: str, number: int) -> UUID:
    """The id of an awkward row; in no order that anything else has."""
    return uuid5(NAMESPACE_URL, f"awkward {kind} {number}")


def moment(number: int) -> datetime:
    """Moments with fractions, so that a cursor that cuts them loses rows."""
    return EPOCH + timedelta(days=number, microseconds=number * 1001)


@dataclass(frozen=True)
class Awkward:
    """One classroom with full lists, and others with little but a name. Its rows as the program wrote them."""

    home: Classroom
    student: UUID
    classrooms: list[Classroom]
    members: list[ClassroomMember]
    meetings: list[Meeting]
    assessments: list[Assessment]

    @property
    def home_id(self) -> str:
        """The global id of the classroom whose lists are full."""
        return encode("Classroom", self.home.id)


@asynccontextmanager
async def awkward_rows(school: RunningSchool) -> AsyncIterator[Awkward]:
    """The rows, as long as this is entered."""
    postgresql = school.services.stores.postgresql
    async with postgresql.transaction(SYSTEM) as tx:
        people = [row["id"] for row in await tx.fetch("select id from users order by email limit 23")]
    made = _made(people)
    await insert_rows(
        school.services.stores, [*made.classrooms, *made.members, *_attended(made), *made.meetings, *made.assessments]
    )
    try:
        yield made
    finally:
        ids = [each.id for each in made.classrooms]
        async with postgresql.transaction(SYSTEM) as tx:
            for table in ("assessments", "meetings"):
                await tx.execute(f"delete from {table} where classroom_id = any($1::uuid[])", ids)
            await tx.execute("delete from classrooms where id = any($1::uuid[])", ids)


def _made(people: list[UUID]) -> Awkward:
    classrooms = [
        Classroom(
            id=key("classroom", n),
            name=TITLES[n % 5] or "unnamed",
            subject=None if n % 3 == 0 else TITLES[n % 4],
            teacher_id=people[n % 2],
            is_active=n % 4 != 0,
            created_at=moment(n // 4),
            updated_at=EPOCH,
        )
        for n in range(13)
    ]
    home = classrooms[0]
    members = [
        ClassroomMember(
            id=key("member", n),
            classroom_id=home.id,
            user_id=person,
            role=ROLES[n % 4],
            joined_at=moment(n // 3),
            created_at=EPOCH,
            updated_at=EPOCH,
        )
        for n, person in enumerate(people)
    ]
    meetings = [
        Meeting(
            id=key("meeting", n),
            classroom_id=home.id,
            title=None if n % 7 == 3 else TITLES[n % len(TITLES)],
            scheduled_at=moment(n % 6),
            status=STATUSES[n % 4],
            created_at=moment(n // 5),
            updated_at=EPOCH,
            created_by=None,
        )
        for n in range(21)
    ]
    assessments = [
        Assessment(
            id=key("assessment", n),
            classroom_id=home.id,
            title=TITLES[n % 4],
            type=TYPES[n % 3],
            total_points=10,
            due_date=None if n % 3 == 0 else moment(n % 4),
            created_at=moment(n % 5),
            updated_at=EPOCH,
        )
        for n in range(20)
    ]
    return Awkward(home, people[5], classrooms, members, meetings, assessments)


def _attended(made: Awkward) -> list[Any]:
    """The student in all the other classrooms too."""
    return [
        ClassroomMember(
            id=key("attendance", n),
            classroom_id=each.id,
            user_id=made.student,
            role="student",
            joined_at=EPOCH,
            created_at=EPOCH,
            updated_at=EPOCH,
        )
        for n, each in enumerate(made.classrooms)
        if each.id != made.home.id
    ]
