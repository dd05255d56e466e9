"""What can be done with an assessment? Read it, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from loaders.assessments import AssessmentRecord, Assessments, SubmissionSummaryRecord
from loaders.classrooms import ClassroomRecord
from loaders.page import PageRequest, Pages
from resolvers.degrading import degrades_with
from resolvers.operation import Operation

__all__ = ["AssessmentRecord"]


@degrades_with(Assessments.assessments_by_id)
async def by_ids(operation: Operation, ids: Sequence[UUID]) -> list[AssessmentRecord | None]:
    """Assessments that the viewer may know of."""
    return await operation.loaders.assessments.assessments_by_id(ids)


@degrades_with(Assessments.assessments_by_classroom_id)
async def by_classrooms(
    operation: Operation, classrooms: Sequence[ClassroomRecord], request: PageRequest
) -> Pages[AssessmentRecord]:
    """One page of each classroom's assessments."""
    return await operation.loaders.assessments.assessments_by_classroom_id([each.id for each in classrooms], request)


@degrades_with(Assessments.summaries_by_assessment_id)
async def summaries(operation: Operation, assessments: Sequence[AssessmentRecord]) -> list[SubmissionSummaryRecord]:
    """How each assessment's submissions went."""
    return await operation.loaders.assessments.summaries_by_assessment_id([each.id for each in assessments])
