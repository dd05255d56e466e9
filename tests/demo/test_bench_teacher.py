"""Does the largest school have the teacher whose page is timed, and does nobody else notice?"""

from __future__ import annotations

from collections import Counter

import pytest

from resolvers.demo.named import NAMED, named
from resolvers.demo.school import School
from tests.demo.conftest import NOW, START

HASHES = {"": "shared"}


@pytest.fixture(scope="module")
def largest() -> School:
    return School(NOW, size=10)


def test_the_teacher_has_fifty_classrooms_of_twenty_members_and_five_meetings(largest: School) -> None:
    [teacher] = [user for user in largest.users(HASHES) if user.email == "bench@demo.school"]
    rooms = {room.id for room in largest.classrooms if room.teacher_id == teacher.id}
    members = [member for member in largest.members if member.classroom_id in rooms]
    assert (teacher.role, len(rooms)) == ("teacher", 50)
    assert Counter(member.classroom_id for member in members) == dict.fromkeys(rooms, 20)
    assert Counter(member.role for member in members) == {"teacher": 50, "student": 950}
    assert len({member.user_id for member in members}) == 951
    assert Counter(each.classroom_id for each in largest.meetings if each.classroom_id in rooms) == dict.fromkeys(
        rooms, 5
    )
    assert {each.status for each in largest.meetings if each.scheduled_at > START and each.classroom_id in rooms} == {
        "scheduled"
    }


def test_the_classrooms_of_the_roster_stay_as_they_are(demo: School, largest: School) -> None:
    known = {room.id for room in demo.classrooms}
    assert [room for room in largest.classrooms if room.id in known] == demo.classrooms
    roster = {person.id for person in demo.everybody}
    places = {(member.classroom_id, member.user_id) for member in demo.members}
    assert {(member.classroom_id, member.user_id) for member in largest.members if member.user_id in roster} == places


def test_ids_are_given_once_and_texts_are_not_multiplied(demo: School, largest: School) -> None:
    for rows in (largest.users(HASHES), largest.classrooms, largest.members, largest.meetings):
        assert len({row.id for row in rows}) == len(rows)
    assert largest.transcripts == demo.transcripts
    assert largest.files == demo.files


def test_only_the_largest_school_names_the_teacher(largest: School) -> None:
    assert named(1) == named(9) == NAMED
    assert named(10).accounts.keys() - NAMED.accounts.keys() == {"bench"}
    assert named(10).ids.keys() - NAMED.ids.keys() == {"benchClassroom", "benchTeacher"}
    people = {str(user.id): user.email for user in largest.users(HASHES)}
    assert people[named(10).ids["benchTeacher"][1]] == named(10).accounts["bench"]
    assert named(10).ids["benchClassroom"][1] in {str(room.id) for room in largest.classrooms}
