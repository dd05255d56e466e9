"""Which things of the demo school have names? Those that the operations of the contract and its tests speak of.

Needs no store and no date: every id is made from a name.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from resolvers.demo import bench_teacher
from resolvers.demo.assessments import (
    EMPTY,
    FRESH,
    GRADED,
    RUNNING,
    WAITING_FOR_GRADE,
    assessment_id,
    question_id,
    submission_id,
)
from resolvers.demo.courses import DRAFT, OPEN, TAKEN, course_id
from resolvers.demo.documents import chunk_id, document_id
from resolvers.demo.lessons import meeting_id
from resolvers.demo.people import classroom_id, member_id, user_id
from resolvers.demo.roster import ACCOUNTS, BY_KEY, SPARE_STUDENT, email_of

CLASSROOM: Final = "biology"
"""The classroom of the front page."""
ELSEWHERE: Final = "computing"
"""A classroom that neither the demo student nor the demo teacher belongs to."""


class Named(NamedTuple):
    """`accounts`: name to e-mail. `ids`: name to (type name, key of the record), or to a plain text."""

    accounts: dict[str, str]
    ids: dict[str, tuple[str, str] | str]


def named(size: int = 1) -> Named:
    """The names of a school of this size: the largest has a bench teacher."""
    if size < bench_teacher.SIZE:
        return NAMED
    more: dict[str, tuple[str, str] | str] = {
        "benchClassroom": ("Classroom", str(classroom_id(bench_teacher.KEYS[0]))),
        "benchTeacher": ("User", str(bench_teacher.TEACHER.id)),
    }
    return Named(NAMED.accounts | {bench_teacher.ACCOUNT: bench_teacher.TEACHER.email}, NAMED.ids | more)


def _named() -> Named:
    student = ACCOUNTS["student"]
    classmate = BY_KEY[CLASSROOM].speakers[2]
    handbook = document_id(CLASSROOM, 1)
    ids: dict[str, tuple[str, str] | str] = {
        "assessment": ("Assessment", str(assessment_id(CLASSROOM, FRESH))),
        "chunk": ("DocumentChunk", chunk_id(handbook, 0)),
        "classroom": ("Classroom", str(classroom_id(CLASSROOM))),
        "course": ("Course", str(course_id(TAKEN))),
        "document": ("Document", str(handbook)),
        "draftCourse": ("Course", str(course_id(DRAFT))),
        "emptyAssessment": ("Assessment", str(assessment_id(CLASSROOM, EMPTY))),
        "gradedAssessment": ("Assessment", str(assessment_id(CLASSROOM, GRADED))),
        "joinCode": BY_KEY[ELSEWHERE].join_code,
        "liveMeeting": ("Meeting", str(meeting_id(CLASSROOM, "Limiting factors"))),
        "meeting": ("Meeting", str(meeting_id(CLASSROOM, "Light reactions"))),
        "member": ("ClassroomMember", str(member_id(CLASSROOM, classmate))),
        "openCourse": ("Course", str(course_id(OPEN))),
        "proctoredAssessment": ("Assessment", str(assessment_id(CLASSROOM, RUNNING))),
        "question": ("AssessmentQuestion", str(question_id(CLASSROOM, FRESH, 0))),
        "scheduledMeeting": ("Meeting", str(meeting_id(CLASSROOM, "Review before the exam"))),
        "spareDocument": ("Document", str(document_id(CLASSROOM, 2))),
        "spareStudent": ("User", str(user_id(SPARE_STUDENT))),
        "student": ("User", str(user_id(student))),
        "submission": ("Submission", str(submission_id(CLASSROOM, RUNNING, WAITING_FOR_GRADE[1]))),
        "teacher": ("User", str(user_id(ACCOUNTS["teacher"]))),
    }
    return Named({account: email_of(name) for account, name in ACCOUNTS.items()}, ids)


NAMED: Final = _named()
