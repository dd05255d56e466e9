"""What is a classroom, outside? Its people, and doors to what happens in it."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET

from graph.execution.edge import POSTGRESQL, QDRANT, edge, edge_with, face, leaf, root
from graph.ids import uuid_of
from graph.types.accounts import User
from graph.types.assessments import Assessment, AssessmentOrder
from graph.types.library import DocumentChunkSearchConnection
from graph.types.meetings import Meeting, MeetingFilter, MeetingOrder
from graph.types.node import Node
from graph.types.paging import (
    After,
    Before,
    BooleanFilter,
    Connection,
    DateTimeFilter,
    First,
    IDFilter,
    Last,
    OrderDirection,
    StringFilter,
    page_request,
)
from resolvers import assessments, classrooms, library, meetings
from resolvers.access.classrooms import teaches
from resolvers.access.labels import Label
from resolvers.errors import NotFound
from resolvers.operation import Operation


@strawberry.enum(description="What a person is in one classroom.")
class MemberRole(Enum):
    """Member roles, as the seeds store them."""

    TEACHER = strawberry.enum_value("teacher", description="Answers for the classroom.")
    ASSISTANT = strawberry.enum_value("assistant", description="Helps the teacher and sees what the teacher sees.")
    STUDENT = strawberry.enum_value("student", description="Learns in it.")


@strawberry.input(description="What a member's role must be.")
class MemberRoleFilter:
    """Operators on member roles."""

    eq: MemberRole | None = strawberry.field(default=UNSET, description="Exactly this.")
    in_: list[MemberRole] | None = strawberry.field(default=UNSET, name="in", description="One of these.")


@strawberry.input(description="Which members.")
class MemberFilter:
    """All that is given must hold."""

    role: MemberRoleFilter | None = strawberry.field(default=UNSET, description="By role.")
    joined_at: DateTimeFilter | None = strawberry.field(default=UNSET, description="By when they joined.")
    and_: list["MemberFilter"] | None = strawberry.field(default=UNSET, name="and", description="All of these.")
    or_: list["MemberFilter"] | None = strawberry.field(default=UNSET, name="or", description="One of these.")
    not_: "MemberFilter | None" = strawberry.field(default=UNSET, name="not", description="Not this.")


@strawberry.enum(description="What members can be ordered by.")
class MemberOrderField(Enum):
    """Columns of the members list."""

    JOINED_AT = strawberry.enum_value("JOINED_AT", description="When they joined.")


@strawberry.input(description="One term of an order of members.")
class MemberOrder:
    """Field and direction."""

    field: MemberOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")


@strawberry.type(description="A person's membership of a classroom.")
class ClassroomMember(Node):
    """Source: PostgreSQL `classroom_members`."""

    record = classrooms.MemberRecord
    by_keys = classrooms.members_by_ids

    role: MemberRole = leaf("What the person is in this classroom.")
    joined_at: datetime = leaf("When the person joined.")
    user: User | None = edge(classrooms.users, "The person.", calls=POSTGRESQL)


@strawberry.input(description="Which classrooms.")
class ClassroomFilter:
    """All that is given must hold."""

    name: StringFilter | None = strawberry.field(default=UNSET, description="By name.")
    subject: StringFilter | None = strawberry.field(default=UNSET, description="By subject.")
    is_active: BooleanFilter | None = strawberry.field(default=UNSET, description="By whether it is in use.")
    teacher_id: IDFilter | None = strawberry.field(default=UNSET, description="By its teacher.")
    and_: list["ClassroomFilter"] | None = strawberry.field(default=UNSET, name="and", description="All of these.")
    or_: list["ClassroomFilter"] | None = strawberry.field(default=UNSET, name="or", description="One of these.")
    not_: "ClassroomFilter | None" = strawberry.field(default=UNSET, name="not", description="Not this.")


@strawberry.enum(description="What classrooms can be ordered by.")
class ClassroomOrderField(Enum):
    """Columns of the classrooms list."""

    NAME = strawberry.enum_value("NAME", description="Their names.")
    CREATED_AT = strawberry.enum_value("CREATED_AT", description="When they were opened.")


@strawberry.input(description="One term of an order of classrooms.")
class ClassroomOrder:
    """Field and direction."""

    field: ClassroomOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")


Filter = strawberry.argument(description="Only these.")
OrderBy = strawberry.argument(description="The order; at most 3 different fields.")


@strawberry.type(description="A classroom: a teacher, members, and what happens there.")
class Classroom(Node):
    """Source: PostgreSQL `classrooms`."""

    record = classrooms.ClassroomRecord
    by_keys = classrooms.by_ids

    name: str = leaf("The classroom's name.")
    subject: str | None = leaf("What is taught.")
    description: str | None = leaf("What it is about.")
    join_code: str | None = leaf("The code that lets people in.", label=Label.TEACHER, door=teaches)
    is_active: bool = leaf("False once it is archived.")
    created_at: datetime = leaf("When it was opened.")
    viewer_role: MemberRole | None = leaf("What the viewer is here; null for administrators who are not members.")
    teacher: User | None = edge(classrooms.teachers, "The teacher who answers for it.", calls=POSTGRESQL)

    @edge_with(classrooms.members, calls=POSTGRESQL)
    @staticmethod
    def members(
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        filter: Annotated[MemberFilter | None, Filter] = UNSET,
        order_by: Annotated[list[MemberOrder] | None, OrderBy] = UNSET,
    ) -> Connection[ClassroomMember] | None:
        """Who belongs to it, the teacher too; by joining date if no order is given."""
        return page_request(first, after, last, before, order_by, filter)

    @edge_with(meetings.by_classrooms, calls=POSTGRESQL)
    @staticmethod
    def meetings(
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        filter: Annotated[MeetingFilter | None, Filter] = UNSET,
        order_by: Annotated[list[MeetingOrder] | None, OrderBy] = UNSET,
    ) -> Connection[Meeting] | None:
        """Its lessons; by their time if no order is given."""
        return page_request(first, after, last, before, order_by, filter)

    @edge_with(assessments.by_classrooms, calls=POSTGRESQL)
    @staticmethod
    def assessments(
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        order_by: Annotated[list[AssessmentOrder] | None, OrderBy] = UNSET,
    ) -> Connection[Assessment] | None:
        """Its quizzes, exams and assignments; the newest first if no order is given."""
        return page_request(first, after, last, before, order_by)

    @edge_with(library.search_classrooms, calls=QDRANT)
    @staticmethod
    def search(
        query: Annotated[
            str, strawberry.argument(description="What is looked for, in plain words; 1 to 1,000 characters.")
        ],
        first: First = UNSET,
        after: After = UNSET,
    ) -> DocumentChunkSearchConnection | None:
        """The passages of its documents that are nearest in meaning, best first."""
        return library.search_request(query, page_request(first, after, None, None))


@strawberry.type
class ClassroomQueries:
    """Root fields about classrooms."""

    @root(classrooms.by_ids, calls=POSTGRESQL)
    @staticmethod
    async def classroom(
        operation: Operation, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Classroom | None:
        """One classroom."""
        found = (await classrooms.by_ids(operation, [uuid_of(id, "Classroom")]))[0]
        if found is None:
            raise NotFound
        return face(found)

    @root(classrooms.page, calls=POSTGRESQL)
    @staticmethod
    async def classrooms(
        operation: Operation,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        filter: Annotated[ClassroomFilter | None, Filter] = UNSET,
        order_by: Annotated[list[ClassroomOrder] | None, OrderBy] = UNSET,
    ) -> Connection[Classroom] | None:
        """The classrooms that the viewer may see; by name if no order is given."""
        return face(await classrooms.page(operation, page_request(first, after, last, before, order_by, filter)))
