"""How are courses gathered? By id, and who takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from datadir.postgresql.record import Row
from loaders.by_key import one_by_key
from loaders.degrading import Degrades, degrades
from loaders.page import Listing, Order, OrderColumn, PageRequest, Pages, pages_by_owner

if TYPE_CHECKING:
    from loaders import Loaders


class CourseRecord(Row):
    """A course."""

    __slots__ = ()
    id: UUID
    title: str
    description: str | None
    difficulty: str
    status: str
    instructor_id: UUID
    created_at: datetime


class EnrollmentRecord(Row):
    """Somebody's place in a course; `progress_percent` from 0 to 100."""

    __slots__ = ()
    id: UUID
    course_id: UUID
    user_id: UUID
    status: str
    progress_percent: float
    enrolled_at: datetime


_COURSE: Final = "c.id, c.title, c.description, c.difficulty, c.status, c.instructor_id, c.created_at"
_ENROLLMENT: Final = (
    "e.id, e.course_id, e.user_id, e.status, e.progress_percent::float8 as progress_percent, e.enrolled_at"
)

ENROLLMENTS_OF_USER: Final = Listing(
    name="enrollments_of_user",
    select=_ENROLLMENT,
    source="enrollments e",
    id="e.id",
    parent="e.user_id",
    owner="user_id",
    default_order=(Order("ENROLLED_AT", descending=True),),
    orders={"ENROLLED_AT": OrderColumn("e.enrolled_at", "timestamptz", "enrolled_at")},
)


class Courses:
    """Reads of courses and enrollments for one operation."""

    __slots__ = ("_loaders",)

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    @degrades(Degrades.NULL)
    async def courses_by_id(self, ids: Sequence[UUID]) -> list[CourseRecord | None]:
        """Courses in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders, CourseRecord, f"select {_COURSE} from courses c where c.id = any($1::uuid[])", ids
        )

    @degrades(Degrades.NULL)
    async def enrollments_by_id(self, ids: Sequence[UUID]) -> list[EnrollmentRecord | None]:
        """Enrollments in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders,
            EnrollmentRecord,
            f"select {_ENROLLMENT} from enrollments e where e.id = any($1::uuid[])",
            ids,
        )

    @degrades(Degrades.NULL)
    async def enrollments_by_user_id(self, ids: Sequence[UUID], request: PageRequest) -> Pages[EnrollmentRecord]:
        """One page of enrollments for each person."""
        return await pages_by_owner(self._loaders, ENROLLMENTS_OF_USER, EnrollmentRecord, request, ids)
