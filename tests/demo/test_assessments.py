"""Are the demo assessments answerable, and their grades plausible?"""

from __future__ import annotations

from collections import Counter, defaultdict

from resolvers.demo.school import School
from tests.demo.conftest import START


def test_questions_add_up_to_their_assessment(demo: School) -> None:
    questions = defaultdict(list)
    for question in demo.questions:
        questions[question.assessment_id].append(question)
    for assessment in demo.assessments:
        own = questions[assessment.id]
        assert 3 <= len(own) <= 5
        assert sum(question.points for question in own) == assessment.total_points
        assert [question.order_index for question in own] == list(range(len(own)))
        assert assessment.type in ("quiz", "exam", "assignment")
        assert assessment.is_proctored == (assessment.type == "exam")
    texts = Counter(question.question_text for question in demo.questions)
    assert texts.most_common(1)[0][1] == 1


def test_a_question_with_options_has_its_right_answer_among_them(demo: School) -> None:
    for question in demo.questions:
        assert question.correct_answer
        if question.question_type in ("multiple_choice", "true_false"):
            assert question.options is not None
            assert question.options.count(question.correct_answer) == 1
            assert len(question.options) == (2 if question.question_type == "true_false" else 4)
        else:
            assert question.question_type in ("short_answer", "essay")
            assert question.options is None


def test_submissions_answer_every_question_within_the_points(demo: School) -> None:
    assessments = {assessment.id: assessment for assessment in demo.assessments}
    questions = defaultdict(dict)
    for question in demo.questions:
        questions[question.assessment_id][str(question.id)] = question
    for submission in demo.submissions:
        assessment, asked = assessments[submission.assessment_id], questions[submission.assessment_id]
        assert submission.answers.keys() == asked.keys()
        for key, value in submission.answers.items():
            assert asked[key].options is None or value in asked[key].options
        assert assessment.created_at < submission.submitted_at < START
        assert assessment.due_date is not None
        assert submission.submitted_at <= assessment.due_date
        graded = (submission.score, submission.graded_at, submission.graded_by, submission.feedback)
        assert all(value is None for value in graded) or all(value is not None for value in graded)
        if submission.score is not None and submission.graded_at is not None:
            assert 0 <= submission.score <= assessment.total_points
            assert submission.submitted_at < submission.graded_at


def test_whoever_answers_all_rightly_gets_all_points(demo: School) -> None:
    points = {assessment.id: assessment.total_points for assessment in demo.assessments}
    right = {str(question.id): question.correct_answer for question in demo.questions}
    full = [
        submission
        for submission in demo.submissions
        if all(value == right[key] for key, value in submission.answers.items()) and submission.score is not None
    ]
    assert full
    assert all(submission.score == points[submission.assessment_id] for submission in full)


def test_each_classroom_has_one_of_each_state(demo: School) -> None:
    submitted, graded = Counter(), Counter()
    for submission in demo.submissions:
        submitted[submission.assessment_id] += 1
        graded[submission.assessment_id] += submission.graded_at is not None
    states = defaultdict(list)
    for assessment in demo.assessments:
        count, done = submitted[assessment.id], graded[assessment.id]
        states[assessment.classroom_id].append(
            "empty" if not count else "graded" if done == count else "partly" if done else "ungraded"
        )
    assert list(states.values()) == [["graded", "partly", "ungraded", "empty"]] * 6
    assert Counter(assessment.grades_released_at is not None for assessment in demo.assessments) == {
        True: 5,
        False: 19,
    }


def test_students_submit_where_they_are_members(demo: School) -> None:
    classrooms = {assessment.id: assessment.classroom_id for assessment in demo.assessments}
    students = {(member.classroom_id, member.user_id) for member in demo.members if member.role == "student"}
    assert {(classrooms[each.assessment_id], each.user_id) for each in demo.submissions} <= students
    assert len({(each.assessment_id, each.user_id) for each in demo.submissions}) == len(demo.submissions)


def test_grades_differ_and_most_pass(demo: School) -> None:
    points = {assessment.id: assessment.total_points for assessment in demo.assessments}
    shares = [float(each.score) / points[each.assessment_id] for each in demo.submissions if each.score is not None]
    assert len(set(shares)) > 15
    assert sum(share >= 0.5 for share in shares) > 0.75 * len(shares)
    assert min(shares) < 0.5
