"""Which fields of a classroom may this viewer read? Takes the whole level, answers one yes or no each.

Whoever gets the record at all is a member or an administrator: row policies see to that."""

from __future__ import annotations

from collections.abc import Sequence

from datadir.scope import Scope
from loaders.classrooms import ClassroomRecord


def teaches(scope: Scope, classrooms: Sequence[ClassroomRecord]) -> list[bool]:
    """The join code: teachers and assistants of the classroom, administrators."""
    return [scope.sees_all or classroom.id in scope.taught_ids for classroom in classrooms]
