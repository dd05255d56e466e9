"""What is a course, outside? What it is about, and who takes it."""

from datetime import datetime
from enum import Enum

import strawberry

from graph.execution.edge import POSTGRESQL, edge, leaf
from graph.types.node import Node
from resolvers import courses


@strawberry.enum(description="Whether a course can be found.")
class CourseStatus(Enum):
    """Where a course stands."""

    DRAFT = strawberry.enum_value("draft", description="Its teacher alone sees it.")
    PUBLISHED = strawberry.enum_value("published", description="Everyone may take it.")
    ARCHIVED = strawberry.enum_value("archived", description="Nobody may take it any more.")


@strawberry.enum(description="How hard a course is.")
class Difficulty(Enum):
    """How hard a course is."""

    BEGINNER = strawberry.enum_value("beginner", description="Nothing is presupposed.")
    INTERMEDIATE = strawberry.enum_value("intermediate", description="The foundations are presupposed.")
    ADVANCED = strawberry.enum_value("advanced", description="For who has done much of it before.")


@strawberry.enum(description="Whether somebody still takes a course.")
class EnrollmentStatus(Enum):
    """Where an enrollment stands."""

    ACTIVE = strawberry.enum_value("active", description="Taking it.")
    COMPLETED = strawberry.enum_value("completed", description="Through with it.")
    CANCELLED = strawberry.enum_value("cancelled", description="Given up; may come back.")


@strawberry.type(description="A course: lessons in an order, for whoever wants to take them.")
class Course(Node):
    """Source: PostgreSQL `courses`."""

    record = courses.CourseRecord
    by_keys = courses.by_ids
    concerns = None  # shown to all who learn

    title: str = leaf("What it is called.")
    description: str | None = leaf("What it is about.")
    difficulty: Difficulty = leaf("How hard it is.")
    status: CourseStatus = leaf("Whether it can be found.")
    created_at: datetime = leaf("When it was made.")


@strawberry.type(description="A person's place in a course.")
class Enrollment(Node):
    """Source: PostgreSQL `enrollments`."""

    record = courses.EnrollmentRecord
    by_keys = courses.enrollments_by_ids

    status: EnrollmentStatus = leaf("Whether the person still takes it.")
    progress_percent: float = leaf("How far the person is, 0 to 100.")
    enrolled_at: datetime = leaf("Since when.")
    course: Course | None = edge(courses.of_enrollments, "The course.", calls=POSTGRESQL)
