"""How are classrooms gathered? By id, as the viewer's list, and their members."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from datadir.postgresql.record import Row
from loaders.by_key import one_by_key
from loaders.degrading import Degrades, degrades
from loaders.page import Listing, Order, OrderColumn, Page, PageRequest, Pages, pages_by_owner, root_page

if TYPE_CHECKING:
    from loaders import Loaders


class ClassroomRecord(Row):
    """A classroom; `viewer_role` is the viewer's member role in it, None for who sees it without being a member."""

    __slots__ = ()
    id: UUID
    name: str
    description: str | None
    subject: str | None
    teacher_id: UUID
    join_code: str | None
    is_active: bool
    created_at: datetime
    viewer_role: str | None


class OwnClassroomRecord(ClassroomRecord):
    """A classroom as one of a person's; `member_id` is that person."""

    __slots__ = ()
    member_id: UUID


class MemberRecord(Row):
    """A person's membership of a classroom."""

    __slots__ = ()
    id: UUID
    classroom_id: UUID
    user_id: UUID
    role: str
    joined_at: datetime


_CLASSROOM: Final = """
    c.id, c.name, c.description, c.subject, c.teacher_id, c.join_code, c.is_active, c.created_at,
    (select m.role from classroom_members m where m.classroom_id = c.id and m.user_id = {viewer}::uuid) as viewer_role
"""
_MEMBER: Final = "m.id, m.classroom_id, m.user_id, m.role, m.joined_at"

CLASSROOMS: Final = Listing(
    name="classrooms",
    select=_CLASSROOM.format(viewer="$1"),
    source="classrooms c",
    id="c.id",
    fixed=1,
    default_order=(Order("NAME"),),
    orders={
        "NAME": OrderColumn("c.name", "text", "name"),
        "CREATED_AT": OrderColumn("c.created_at", "timestamptz", "created_at"),
    },
    filters={
        "name": ("c.name", "text"),
        "subject": ("c.subject", "text"),
        "isActive": ("c.is_active", "boolean"),
        "teacherId": ("c.teacher_id", "uuid"),
    },
)
CLASSROOMS_OF_USER: Final = Listing(
    name="classrooms_of_user",
    select=_CLASSROOM.format(viewer="$2") + ", own.user_id as member_id",
    source="classroom_members own join classrooms c on c.id = own.classroom_id",
    id="c.id",
    parent="own.user_id",
    owner="member_id",
    fixed=1,
    default_order=CLASSROOMS.default_order,
    orders=CLASSROOMS.orders,
    filters=CLASSROOMS.filters,
)
MEMBERS: Final = Listing(
    name="members",
    select=_MEMBER,
    source="classroom_members m",
    id="m.id",
    parent="m.classroom_id",
    owner="classroom_id",
    default_order=(Order("JOINED_AT"),),
    orders={"JOINED_AT": OrderColumn("m.joined_at", "timestamptz", "joined_at")},
    filters={"role": ("m.role", "text"), "joinedAt": ("m.joined_at", "timestamptz")},
)


class Classrooms:
    """Reads of classrooms and members for one operation."""

    __slots__ = ("_loaders",)

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    @degrades(Degrades.NULL)
    async def classrooms_by_id(self, ids: Sequence[UUID]) -> list[ClassroomRecord | None]:
        """Classrooms in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders,
            ClassroomRecord,
            f"select {_CLASSROOM.format(viewer='$2')} from classrooms c where c.id = any($1::uuid[])",
            ids,
            self._loaders.scope.user_id,
        )

    @degrades(Degrades.NULL)
    async def classrooms(self, request: PageRequest) -> Page[ClassroomRecord]:
        """One page of the classrooms in the viewer's scope."""
        return await root_page(self._loaders, CLASSROOMS, ClassroomRecord, request, self._loaders.scope.user_id)

    @degrades(Degrades.NULL)
    async def classrooms_by_user_id(self, ids: Sequence[UUID], request: PageRequest) -> Pages[OwnClassroomRecord]:
        """One page for each person of the classrooms that they are members of, within the viewer's scope."""
        return await pages_by_owner(
            self._loaders, CLASSROOMS_OF_USER, OwnClassroomRecord, request, ids, self._loaders.scope.user_id
        )

    @degrades(Degrades.NULL)
    async def members_by_id(self, ids: Sequence[UUID]) -> list[MemberRecord | None]:
        """Memberships in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders, MemberRecord, f"select {_MEMBER} from classroom_members m where m.id = any($1::uuid[])", ids
        )

    @degrades(Degrades.NULL)
    async def members_by_classroom_id(self, ids: Sequence[UUID], request: PageRequest) -> Pages[MemberRecord]:
        """One page of members for each classroom."""
        return await pages_by_owner(self._loaders, MEMBERS, MemberRecord, request, ids)
