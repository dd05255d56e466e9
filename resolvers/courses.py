"""What can be learned in courses? Reads of courses and of who takes them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from loaders.accounts import UserRecord
from loaders.courses import CourseRecord, Courses, EnrollmentRecord
from loaders.page import PageRequest, Pages
from resolvers.degrading import degrades_with
from resolvers.operation import Operation

__all__ = ["CourseRecord", "EnrollmentRecord"]


@degrades_with(Courses.courses_by_id)
async def by_ids(operation: Operation, ids: Sequence[UUID]) -> list[CourseRecord | None]:
    """Courses that the viewer may know of."""
    return await operation.loaders.courses.courses_by_id(ids)


@degrades_with(Courses.enrollments_by_id)
async def enrollments_by_ids(operation: Operation, ids: Sequence[UUID]) -> list[EnrollmentRecord | None]:
    """Enrollments that the viewer may know of."""
    return await operation.loaders.courses.enrollments_by_id(ids)


@degrades_with(Courses.courses_by_id)
async def of_enrollments(operation: Operation, enrollments: Sequence[EnrollmentRecord]) -> list[CourseRecord | None]:
    """The course of each enrollment, None where it may no longer be seen."""
    return await operation.loaders.courses.courses_by_id([each.course_id for each in enrollments])


@degrades_with(Courses.enrollments_by_user_id)
async def enrollments(
    operation: Operation, users: Sequence[UserRecord], request: PageRequest
) -> Pages[EnrollmentRecord]:
    """One page of each person's enrollments, the latest first."""
    return await operation.loaders.courses.enrollments_by_user_id([each.id for each in users], request)
