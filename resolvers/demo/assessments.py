"""What is asked at the demo school, and who has answered what? Assessments, questions and submissions, as rows.

Each classroom has four, in the order of its text file: an assignment that is graded in full, an exam that can be taken
this week and is graded in part, a quiz whose answers nobody has looked at yet, and an assignment nobody has begun.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from datadir.postgresql.tables import Assessment, AssessmentQuestion, Submission
from resolvers.demo import reading
from resolvers.demo.habits import habit
from resolvers.demo.identity import fixed_id
from resolvers.demo.people import Membership, Person, classroom_id, user_id
from resolvers.demo.roster import ACCOUNTS, BY_KEY, CLASSROOMS

GRADED, RUNNING, FRESH, EMPTY = range(4)
# The front page's classroom has graded its first assignment and not yet said so.
UNRELEASED: Final = "biology"
# Whoever the operations of the contract need: this one has taken the exam and waits for the grade.
WAITING_FOR_GRADE: Final = ("biology", "Lena Hoffmann")


class Schedule(NamedTuple):
    """Days before the start, negative ones after it: made, due, first and last submission, graded; and how many of a
    hundred students hand in."""

    made: float
    due: float
    first: float
    last: float
    graded: float | None
    percent: int


SCHEDULES: Final = (
    Schedule(28, 14, 19, 14.1, 11, 88),
    Schedule(9, -3, 4, 0.2, 1, 55),
    Schedule(5, -2, 3, 0.1, None, 30),
    Schedule(1, -14, 0, 0, None, 0),
)
MINUTES: Final = {"quiz": 20, "exam": 60, "assignment": None}
# What an answer earns of a question's points: the best of the sample answers, the next, the rest.
SHARES: Final = (1.0, 0.6, 0.3)
PRAISE: Final = (
    (0.9, "Very good. Clear and complete."),
    (0.7, "Good work. Read my notes in the margin once more."),
    (0.5, "The main idea is there; say why, not only what."),
    (0.0, "Come and see me before Thursday, we will go through it together."),
)


class Asked(NamedTuple):
    """An assessment of a classroom with its text."""

    id: UUID
    classroom: str
    number: int
    text: reading.AssessmentText

    @property
    def points(self) -> int:
        """The sum of its questions' points."""
        return sum(question.points for question in self.text.questions)


def assessment_id(key: str, number: int) -> UUID:
    """The id of a classroom's assessment, 0-3."""
    return fixed_id("assessment", key, number)


def question_id(key: str, number: int, nth: int) -> UUID:
    """The id of a question of an assessment, counted from 0."""
    return fixed_id("question", key, number, nth)


def submission_id(key: str, number: int, name: str) -> UUID:
    """The id of what a person handed in."""
    return fixed_id("submission", key, number, name)


def asked() -> list[Asked]:
    """The four assessments of each classroom."""
    return [
        Asked(assessment_id(plan.key, number), plan.key, number, text)
        for plan in CLASSROOMS
        for number, text in enumerate(reading.assessments(plan.key))
    ]


def assessment_rows(given: list[Asked], start: datetime) -> list[Assessment]:
    """Assessments. Exams are proctored; the graded assignment is released everywhere but in one classroom."""
    rows = []
    for each in given:
        schedule = SCHEDULES[each.number]
        made_at = start - timedelta(days=schedule.made)
        released = each.number == GRADED and each.classroom != UNRELEASED
        rows.append(
            Assessment(
                id=each.id,
                classroom_id=classroom_id(each.classroom),
                title=each.text.title,
                description=each.text.description,
                type=each.text.type,
                total_points=each.points,
                due_date=start - timedelta(days=schedule.due),
                time_limit_minutes=MINUTES[each.text.type],
                is_proctored=each.text.type == "exam",
                created_by=user_id(BY_KEY[each.classroom].teacher),
                grades_released_at=start - timedelta(days=10) if released else None,
                created_at=made_at,
                updated_at=made_at,
            )
        )
    return rows


def question_rows(given: list[Asked], start: datetime) -> list[AssessmentQuestion]:
    """The questions of all assessments, in order."""
    return [
        AssessmentQuestion(
            id=question_id(each.classroom, each.number, nth),
            assessment_id=each.id,
            question_text=question.text,
            question_type=question.type,
            points=question.points,
            options=list(question.options) or None,
            correct_answer=question.right,
            order_index=nth,
            created_at=start - timedelta(days=SCHEDULES[each.number].made),
            updated_at=start - timedelta(days=SCHEDULES[each.number].made),
        )
        for each in given
        for nth, question in enumerate(each.text.questions)
    ]


def submission_rows(given: list[Asked], places: list[Membership], start: datetime) -> list[Submission]:
    """What the students handed in. Whoever comes more often knows more."""
    rows = []
    for each in given:
        for place in places:
            if place.classroom == each.classroom and place.role == "student" and _hands_in(each, place.person):
                rows.append(_submission(each, place.person, start))
    return rows


def _hands_in(each: Asked, person: Person) -> bool:
    if (each.classroom, person.name) == WAITING_FOR_GRADE and each.number == RUNNING:
        return True
    if person.name == ACCOUNTS["student"]:
        # The demo student has the exam and the quiz before them.
        return each.number == GRADED
    random = Random(f"hands in {each.classroom} {each.number} {person.name}")
    return random.randrange(100) < SCHEDULES[each.number].percent


def _submission(each: Asked, person: Person, start: datetime) -> Submission:
    random = Random(f"submission {each.classroom} {each.number} {person.name}")
    schedule = SCHEDULES[each.number]
    minutes = int((schedule.first - schedule.last) * 24 * 60)
    submitted_at = start - timedelta(days=schedule.first) + timedelta(minutes=random.randint(0, minutes))
    answers: dict[str, str] = {}
    earned = 0.0
    for nth, question in enumerate(each.text.questions):
        value, share = _answer(random, question, 0.3 + 0.6 * habit(person).ordinary)
        answers[str(question_id(each.classroom, each.number, nth))] = value
        earned += round(2 * question.points * share) / 2
    graded_at = None if schedule.graded is None else start - timedelta(days=schedule.graded)
    if graded_at is not None and not _is_graded(each, person, random, submitted_at < graded_at):
        graded_at = None
    return Submission(
        id=submission_id(each.classroom, each.number, person.name),
        assessment_id=each.id,
        user_id=person.id,
        answers=answers,
        score=Decimal(f"{earned:.2f}") if graded_at else None,
        submitted_at=submitted_at,
        graded_at=graded_at,
        graded_by=user_id(BY_KEY[each.classroom].teacher) if graded_at else None,
        feedback=_feedback(earned / each.points) if graded_at else None,
        created_at=submitted_at,
        updated_at=graded_at or submitted_at,
    )


def _is_graded(each: Asked, person: Person, random: Random, in_time: bool) -> bool:
    if each.number == GRADED:
        return True
    return in_time and random.random() < 0.6 and (each.classroom, person.name) != WAITING_FOR_GRADE


def _answer(random: Random, question: reading.QuestionText, able: float) -> tuple[str, float]:
    """An answer and the share of the points that it earns."""
    if random.random() < able or not question.others:
        return question.right, SHARES[0]
    if question.options:
        return random.choice(question.others), 0.0
    nth = random.randrange(len(question.others))
    return question.others[nth], SHARES[min(nth + 1, len(SHARES) - 1)]


def _feedback(share: float) -> str:
    return next(words for least, words in PRAISE if share >= least)
