"""Which fields of an assessment may this viewer read? Takes the whole level, answers one yes or no each."""

from __future__ import annotations

from collections.abc import Sequence

from datadir.scope import Scope
from loaders.assessments import AssessmentRecord


def teaches(scope: Scope, assessments: Sequence[AssessmentRecord]) -> list[bool]:
    """Summaries of submissions: teachers and assistants of the classroom, administrators."""
    return [scope.sees_all or assessment.classroom_id in scope.taught_ids for assessment in assessments]
