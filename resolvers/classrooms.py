"""What happens in a classroom? Reads of classrooms and their members."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from loaders.accounts import Accounts, UserRecord
from loaders.classrooms import ClassroomRecord, Classrooms, MemberRecord
from loaders.page import Page, PageRequest, Pages
from resolvers.degrading import degrades_with
from resolvers.errors import NotFound
from resolvers.operation import Operation

__all__ = ["ClassroomRecord", "MemberRecord"]


@degrades_with(Classrooms.classrooms_by_id)
async def by_ids(operation: Operation, ids: Sequence[UUID]) -> list[ClassroomRecord | None]:
    """Classrooms that the viewer may know of."""
    return await operation.loaders.classrooms.classrooms_by_id(ids)


@degrades_with(Classrooms.members_by_id)
async def members_by_ids(operation: Operation, ids: Sequence[UUID]) -> list[MemberRecord | None]:
    """Memberships that the viewer may know of."""
    return await operation.loaders.classrooms.members_by_id(ids)


@degrades_with(Classrooms.classrooms)
async def page(operation: Operation, request: PageRequest) -> Page[ClassroomRecord]:
    """The viewer's classrooms: where a member, an administrator's are all."""
    return await operation.loaders.classrooms.classrooms(request)


@degrades_with(Accounts.users_by_id)
async def teachers(operation: Operation, classrooms: Sequence[ClassroomRecord]) -> list[UserRecord | NotFound]:
    """The teacher who answers for each classroom."""
    users = await operation.loaders.accounts.users_by_id([each.teacher_id for each in classrooms])
    return [user or NotFound() for user in users]


@degrades_with(Classrooms.members_by_classroom_id)
async def members(
    operation: Operation, classrooms: Sequence[ClassroomRecord], request: PageRequest
) -> Pages[MemberRecord]:
    """One page of each classroom's members."""
    return await operation.loaders.classrooms.members_by_classroom_id([each.id for each in classrooms], request)


@degrades_with(Accounts.users_by_id)
async def users(operation: Operation, members: Sequence[MemberRecord]) -> list[UserRecord | NotFound]:
    """The person behind each membership."""
    found = await operation.loaders.accounts.users_by_id([each.user_id for each in members])
    return [user or NotFound() for user in found]
