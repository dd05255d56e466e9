"""Is the demo school as large, as fixed and as consistent as the issue says?"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from datadir.kafka.topics import BY_NAME
from resolvers.demo.named import NAMED
from resolvers.demo.people import SCHOOL_AGE
from resolvers.demo.school import School
from tests.demo.conftest import NOW, START

HASHES = {"": "shared", "Maya Lindqvist": "own"}


def rows_of(demo: School) -> list[dict[str, Any]]:
    """Everything that PostgreSQL would get, as plain values."""
    rows = [
        *demo.users(HASHES),
        *demo.classrooms,
        *demo.members,
        *demo.meetings,
        *demo.recordings,
        *demo.assessments,
        *demo.questions,
        *demo.submissions,
        *demo.documents,
        *demo.courses,
        *demo.enrollments,
    ]
    return [{"table": row.__tablename__, **row.model_dump()} for row in rows]


def shifted(value: Any, by: timedelta) -> Any:
    """A value whose dates are moved."""
    if isinstance(value, dict):
        return {key: shifted(each, by) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [shifted(each, by) for each in value]
    return value + by if hasattr(value, "isoformat") else value


def test_the_school_has_the_size_of_the_issue(demo: School) -> None:
    users = demo.users(HASHES)
    assert Counter(user.role for user in users) == {"student": 120, "teacher": 6, "admin": 1, "service": 1}
    assert len({user.name for user in users}) == len({user.email for user in users}) == 128
    assert len(demo.classrooms) == 6
    assert len({room.subject for room in demo.classrooms}) == 6
    assert len(demo.meetings) == 60
    assert set(Counter(meeting.classroom_id for meeting in demo.meetings).values()) == {10}
    assert len(demo.transcripts) == len(demo.recordings) == 18
    assert len(demo.documents) == 12
    assert len(demo.assessments) == 24
    assert len(demo.files) == 30


def test_every_id_is_given_once_and_every_reference_leads_somewhere(demo: School) -> None:
    rows = rows_of(demo)
    ids = Counter(row["id"] for row in rows)
    assert ids.most_common(1)[0][1] == 1
    for row in rows:
        for column, value in row.items():
            if column.endswith(("_id", "_by")) and value is not None:
                assert value in ids, (row["table"], column)
    meetings = {str(meeting.id): meeting for meeting in demo.meetings}
    for transcript in demo.transcripts:
        assert transcript["classroom_id"] == str(meetings[transcript["meeting_id"]].classroom_id)


def test_the_same_start_makes_the_same_school(demo: School) -> None:
    again = School(NOW.replace(minute=58))
    assert rows_of(again) == rows_of(demo)
    assert again.transcripts == demo.transcripts
    assert again.engagement == demo.engagement
    assert again.events == demo.events
    assert again.files == demo.files


def test_another_day_shifts_dates_and_nothing_else(demo: School) -> None:
    by = timedelta(days=100)
    later = School(NOW + by)
    assert rows_of(later) == [shifted(row, by) for row in rows_of(demo)]
    assert later.transcripts == shifted(demo.transcripts, by)
    assert [list(day) for day in later.engagement] == shifted(demo.engagement, by)
    assert [list(event) for event in later.events] == shifted(demo.events, by)
    assert later.files == demo.files


def test_the_start_is_the_hour_in_utc() -> None:
    oslo = datetime.fromisoformat("2026-11-21T10:42:17+01:00")
    assert School(oslo).start == START
    assert School(oslo).start.tzinfo is UTC


def test_a_time_without_zone_or_an_empty_school_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        School(datetime(2026, 11, 21))
    with pytest.raises(ValueError, match="1 or more"):
        School(NOW, size=0)


def test_nothing_lies_before_the_school_or_was_handed_in_tomorrow(demo: School) -> None:
    for row in rows_of(demo):
        assert row["created_at"] <= row["updated_at"]
        for column in ("updated_at", "joined_at", "last_login", "submitted_at", "graded_at", "grades_released_at"):
            if row.get(column) is not None:
                assert row[column] <= START, (row["table"], column)
        assert row["created_at"] >= START - SCHOOL_AGE - timedelta(days=2)


def test_each_teacher_teaches_one_classroom_and_one_student_assists(demo: School) -> None:
    roles = Counter(member.role for member in demo.members)
    assert roles["teacher"] == 6
    assert roles["assistant"] == 1
    teachers = {member.classroom_id: member.user_id for member in demo.members if member.role == "teacher"}
    assert teachers == {room.id: room.teacher_id for room in demo.classrooms}
    attended = Counter(member.user_id for member in demo.members if member.role == "student")
    assert len(attended) == 120
    assert Counter(attended.values()) == {1: 96, 2: 24}
    assert len({(member.classroom_id, member.user_id) for member in demo.members}) == len(demo.members)


def test_the_named_accounts_are_who_they_are_said_to_be(demo: School) -> None:
    by_email = {user.email: user for user in demo.users(HASHES)}
    who = {account: by_email[email] for account, email in NAMED.accounts.items()}
    assert {account: (user.name, user.role) for account, user in who.items()} == {
        "teacher": ("Maya Lindqvist", "teacher"),
        "student": ("Sam Okafor", "student"),
        "outsider": ("Jonas Weber", "student"),
        "admin": ("Ruth Calloway", "admin"),
        "service": ("Lesson Services", "service"),
    }
    subjects = {room.id: room.subject for room in demo.classrooms}
    attends = {
        account: [subjects[member.classroom_id] for member in demo.members if member.user_id == user.id]
        for account, user in who.items()
    }
    assert attends["teacher"] == ["Biology"]
    assert attends["student"] == ["Biology"]
    assert attends["outsider"] == ["Physics"]
    assert attends["admin"] == attends["service"] == []
    assert by_email["lena.hoffmann@demo.school"].name == "Lena Hoffmann"


def test_each_account_gets_its_own_hash_or_the_shared_one(demo: School) -> None:
    hashes = {user.name: user.password_hash for user in demo.users(HASHES)}
    assert hashes["Maya Lindqvist"] == "own"
    assert hashes["Sam Okafor"] == "shared"


def test_named_ids_are_what_their_names_say(demo: School) -> None:
    rows = {str(row["id"]): row for row in rows_of(demo)}
    tables = {
        "Assessment": "assessments",
        "AssessmentQuestion": "assessment_questions",
        "Classroom": "classrooms",
        "ClassroomMember": "classroom_members",
        "Course": "courses",
        "Document": "documents",
        "Meeting": "meetings",
        "Submission": "submissions",
        "User": "users",
    }
    named = {name: rows[value[1]] for name, value in NAMED.ids.items() if value[1] in rows}
    assert set(NAMED.ids) - set(named) == {"chunk", "joinCode"}
    for name, row in named.items():
        assert row["table"] == tables[NAMED.ids[name][0]], name
    classroom, student = named["classroom"]["id"], named["student"]["id"]
    assert named["classroom"]["name"] == "Plant Biology"
    assert named["member"]["classroom_id"] == classroom
    assert named["member"]["role"] == "student"
    assert named["member"]["user_id"] != student
    assert named["liveMeeting"]["status"] == "live"
    assert named["scheduledMeeting"]["status"] == "scheduled"
    assert named["scheduledMeeting"]["scheduled_at"] >= START + timedelta(days=1)
    assert named["meeting"]["status"] == "ended"
    assert str(named["meeting"]["id"]) in {transcript["meeting_id"] for transcript in demo.transcripts}
    assert named["meeting"]["id"] in {recording.meeting_id for recording in demo.recordings}
    assert named["assessment"]["due_date"] > START
    assert named["question"]["assessment_id"] == named["assessment"]["id"]
    assert "Chloroplast" in named["question"]["options"]
    assert named["proctoredAssessment"]["is_proctored"]
    assert named["submission"]["graded_at"] is None
    assert [named[name]["status"] for name in ("course", "openCourse", "draftCourse")] == [
        "published",
        "published",
        "draft",
    ]
    taken = {row.course_id: row for row in demo.enrollments if row.user_id == student}
    assert named["course"]["id"] in taken
    assert not {named["openCourse"]["id"], named["draftCourse"]["id"]} & taken.keys()
    assert named["submission"]["assessment_id"] == named["proctoredAssessment"]["id"]
    handed_in = {(each.assessment_id, each.user_id): each for each in demo.submissions}
    assert (named["assessment"]["id"], student) not in handed_in
    assert (named["proctoredAssessment"]["id"], student) not in handed_in
    assert not [key for key in handed_in if key[0] == named["emptyAssessment"]["id"]]
    graded = [each for key, each in handed_in.items() if key[0] == named["gradedAssessment"]["id"]]
    assert len(graded) > 10
    assert all(each.score is not None for each in graded)
    assert named["gradedAssessment"]["grades_released_at"] is None
    joinable = next(room for room in demo.classrooms if room.join_code == NAMED.ids["joinCode"])
    assert (joinable.id, student) not in {(member.classroom_id, member.user_id) for member in demo.members}
    assert named["spareStudent"]["role"] == "student"


def test_size_adds_people_and_rows_and_no_texts(demo: School, larger_demo: School) -> None:
    assert len(larger_demo.students) == 360
    assert larger_demo.everybody[: len(demo.everybody)] == demo.everybody
    assert len({person.email for person in larger_demo.everybody}) == 368
    assert Counter(person.home for person in larger_demo.students) == dict.fromkeys(
        ("biology", "mathematics", "physics", "history", "computing", "literature"), 60
    )
    assert len(larger_demo.meetings) == 180
    assert len(larger_demo.submissions) > 2 * len(demo.submissions)
    assert len(larger_demo.engagement) > 2 * len(demo.engagement)
    assert larger_demo.transcripts == demo.transcripts
    assert larger_demo.files == demo.files
    # What has an id at size 1 has it at any size, and says the same.
    known = {row["id"]: row for row in rows_of(larger_demo)}
    assert all(known[row["id"]] == row for row in rows_of(demo))
    assert len(known) == len(rows_of(larger_demo))


def test_events_are_of_the_last_two_days_in_order_of_time(demo: School) -> None:
    midnight = START.replace(hour=0)
    assert all(midnight - timedelta(days=2) <= event.at < midnight for event in demo.events)
    assert [event.at for event in demo.events] == sorted(event.at for event in demo.events)
    assert len({event.event_id for event in demo.events}) == len(demo.events) > 1000
    assert {event.topic for event in demo.events} == {"learning.events"} <= BY_NAME.keys()
    people = {person.id for person in demo.students}
    for event in demo.events:
        assert event.key == event.payload["user_id"]
        assert UUID(event.key) in people


def test_what_somebody_did_is_their_newest_two_days_without_what_they_merely_looked_at(demo: School) -> None:
    student = NAMED.ids["student"][1]
    theirs = [event for event in demo.events if event.key == student]
    logged = [trace for trace in demo.activity if trace["user_id"] == student]
    assert len(logged) > 10, "more than a page of the contract's"
    assert len({trace["_id"] for trace in demo.activity}) == len(demo.activity) < 500
    assert [(trace["action"], trace["timestamp"]) for trace in logged] == [
        (event.type, event.at) for event in theirs if event.type not in ("page_view", "search")
    ]
