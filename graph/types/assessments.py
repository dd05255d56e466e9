"""What is an assessment, outside? Quizzes, exams, assignments and how they went."""

from datetime import datetime
from enum import Enum

import strawberry

from graph.execution.edge import POSTGRESQL, edge, leaf
from graph.types.node import Node
from graph.types.paging import OrderDirection
from resolvers import assessments
from resolvers.access.assessments import teaches
from resolvers.access.labels import Label


@strawberry.enum(description="What kind of assessment.")
class AssessmentType(Enum):
    """Assessment types, as the seeds store them."""

    QUIZ = strawberry.enum_value("quiz", description="Short, often unmarked.")
    EXAM = strawberry.enum_value("exam", description="Long, counted.")
    ASSIGNMENT = strawberry.enum_value("assignment", description="Work at home.")


@strawberry.enum(description="What assessments can be ordered by.")
class AssessmentOrderField(Enum):
    """Columns of the assessments list."""

    CREATED_AT = strawberry.enum_value("CREATED_AT", description="When they were made.")
    DUE_AT = strawberry.enum_value("DUE_AT", description="When they are due; those without a date come last.")
    TITLE = strawberry.enum_value("TITLE", description="Their titles.")


@strawberry.input(description="One term of an order of assessments.")
class AssessmentOrder:
    """Field and direction."""

    field: AssessmentOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")


@strawberry.type(description="How an assessment's submissions went.")
class SubmissionSummary:
    """Source: PostgreSQL `submissions`, counted."""

    count: int = leaf("How many have handed in.", label=Label.TEACHER)
    graded_count: int = leaf("How many of them are graded.", label=Label.TEACHER)
    average_score: float | None = leaf("Their mean score in points; null before the first grade.", label=Label.TEACHER)


@strawberry.type(description="A quiz, an exam or an assignment.")
class Assessment(Node):
    """Source: PostgreSQL `assessments`."""

    record = assessments.AssessmentRecord
    by_keys = assessments.by_ids

    title: str = leaf("What it is called.")
    description: str | None = leaf("What it is about.")
    type: AssessmentType = leaf("What kind it is.")
    total_points: int = leaf("The most points one can get.")
    due_at: datetime | None = leaf("Until when it can be handed in.")
    time_limit_minutes: int | None = leaf("How long one may take, in minutes.")
    is_proctored: bool = leaf("Whether it is watched.")
    created_at: datetime = leaf("When it was made.")
    submission_summary: SubmissionSummary | None = edge(
        assessments.summaries, "How its submissions went.", calls=POSTGRESQL, label=Label.TEACHER, door=teaches
    )
