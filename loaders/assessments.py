"""How are assessments gathered? By classroom, with the counts of their submissions."""

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


class AssessmentRecord(Row):
    """A quiz, an exam or an assignment."""

    __slots__ = ()
    id: UUID
    classroom_id: UUID
    title: str
    description: str | None
    type: str
    total_points: int
    due_at: datetime | None
    time_limit_minutes: int | None
    is_proctored: bool
    created_at: datetime


class SubmissionSummaryRecord(Row):
    """How many submissions an assessment has, how many are graded, and their mean score in points."""

    __slots__ = ()
    assessment_id: UUID
    count: int
    graded_count: int
    average_score: float | None


_ASSESSMENT: Final = (
    "a.id, a.classroom_id, a.title, a.description, a.type, a.total_points, a.due_date as due_at, "
    "a.time_limit_minutes, a.is_proctored, a.created_at"
)

ASSESSMENTS: Final = Listing(
    name="assessments",
    select=_ASSESSMENT,
    source="assessments a",
    id="a.id",
    parent="a.classroom_id",
    owner="classroom_id",
    default_order=(Order("CREATED_AT", descending=True),),
    orders={
        "CREATED_AT": OrderColumn("a.created_at", "timestamptz", "created_at"),
        "DUE_AT": OrderColumn("a.due_date", "timestamptz", "due_at", nullable=True),
        "TITLE": OrderColumn("a.title", "text", "title"),
    },
)


class Assessments:
    """Reads of assessments and submissions for one operation."""

    __slots__ = ("_loaders",)

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    @degrades(Degrades.NULL)
    async def assessments_by_id(self, ids: Sequence[UUID]) -> list[AssessmentRecord | None]:
        """Assessments in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders,
            AssessmentRecord,
            f"select {_ASSESSMENT} from assessments a where a.id = any($1::uuid[])",
            ids,
        )

    @degrades(Degrades.NULL)
    async def assessments_by_classroom_id(self, ids: Sequence[UUID], request: PageRequest) -> Pages[AssessmentRecord]:
        """One page of assessments for each classroom."""
        return await pages_by_owner(self._loaders, ASSESSMENTS, AssessmentRecord, request, ids)

    @degrades(Degrades.NULL)
    async def summaries_by_assessment_id(self, ids: Sequence[UUID]) -> list[SubmissionSummaryRecord]:
        """The counts of each assessment's submissions; zeros where nobody has handed in."""
        rows = await self._loaders.lease.fetch(
            SubmissionSummaryRecord,
            "select asked.id as assessment_id, count(s.id) as count, count(s.graded_at) as graded_count, "
            "avg(s.score)::float8 as average_score "
            "from unnest($1::uuid[]) as asked(id) left join submissions s on s.assessment_id = asked.id group by 1",
            list(dict.fromkeys(ids)),
        )
        found = {row.assessment_id: row for row in rows}
        return [found[each] for each in ids]
