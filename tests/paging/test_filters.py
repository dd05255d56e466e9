"""Does a filter keep exactly the rows that its words say, whatever stands in them?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graph.ids import encode
from tests.paging.awkward import Awkward, moment
from tests.paging.model import matching
from tests.running_school import RunningSchool

Keep = Callable[[Any], bool]


def text(value: str | None, keep: Callable[[str], bool]) -> bool:
    """No test of a text holds of a null."""
    return value is not None and keep(value)


def title(keep: Callable[[str], bool]) -> Keep:
    return lambda row: text(row.title, keep)


def at(number: int) -> str:
    return moment(number).isoformat()


MEETINGS: list[tuple[dict[str, Any] | None, Keep]] = [
    (None, lambda row: True),
    ({}, lambda row: True),
    ({"title": None}, lambda row: True),
    ({"title": {}}, lambda row: True),
    ({"title": {"eq": "a_b"}}, title(lambda each: each == "a_b")),
    ({"title": {"eq": "zebra"}}, title(lambda each: each == "zebra")),
    ({"title": {"eq": ""}}, title(lambda each: each == "")),
    ({"title": {"in": ["zebra", "100 % sure", "nothing"]}}, title(lambda each: each in ("zebra", "100 % sure"))),
    ({"title": {"in": []}}, lambda row: False),
    ({"title": {"contains": "%"}}, title(lambda each: "%" in each)),
    ({"title": {"contains": "_"}}, title(lambda each: "_" in each)),
    ({"title": {"contains": "\\"}}, title(lambda each: "\\" in each)),
    ({"title": {"contains": "\\%"}}, lambda row: False),
    ({"title": {"contains": "' and \""}}, title(lambda each: "' and \"" in each)),
    ({"title": {"contains": "EBR"}}, title(lambda each: "ebr" in each.lower())),
    ({"title": {"contains": ""}}, title(lambda each: True)),
    ({"title": {"startsWith": "100 %"}}, title(lambda each: each.startswith("100 %"))),
    ({"title": {"startsWith": "A_"}}, title(lambda each: each.lower().startswith("a_"))),
    ({"title": {"startsWith": "%"}}, lambda row: False),
    ({"title": {"contains": "0", "startsWith": "100 p"}}, title(lambda each: each.startswith("100 p"))),
    ({"status": {"eq": "LIVE"}}, lambda row: row.status == "live"),
    ({"status": {"in": ["ENDED", "CANCELLED"]}}, lambda row: row.status in ("ended", "cancelled")),
    ({"scheduledAt": {"lt": at(2)}}, lambda row: row.scheduled_at < moment(2)),
    ({"scheduledAt": {"lte": at(2)}}, lambda row: row.scheduled_at <= moment(2)),
    ({"scheduledAt": {"gt": at(2)}}, lambda row: row.scheduled_at > moment(2)),
    ({"scheduledAt": {"gte": at(2)}}, lambda row: row.scheduled_at >= moment(2)),
    ({"scheduledAt": {"gte": at(1), "lt": at(4)}}, lambda row: moment(1) <= row.scheduled_at < moment(4)),
    ({"scheduledAt": {"isNull": True}}, lambda row: False),
    ({"scheduledAt": {"isNull": False}}, lambda row: True),
    ({"not": {"title": {"contains": "a"}}}, lambda row: not text(row.title, lambda each: "a" in each.lower())),
    ({"not": {"not": {"title": {"eq": "aXb"}}}}, title(lambda each: each == "aXb")),
    ({"not": {}}, lambda row: False),
    ({"not": None}, lambda row: True),
    ({"and": []}, lambda row: True),
    ({"or": []}, lambda row: True),
    ({"or": [{}]}, lambda row: True),
    (
        {"or": [{"status": {"eq": "LIVE"}}, {"title": {"contains": "zebra"}}]},
        lambda row: row.status == "live" or text(row.title, lambda each: "zebra" in each.lower()),
    ),
    (
        {"and": [{"status": {"eq": "ENDED"}}, {"or": [{"title": {"contains": "_"}}, {"title": {"contains": "%"}}]}]},
        lambda row: row.status == "ended" and text(row.title, lambda each: "_" in each or "%" in each),
    ),
    (
        {
            "status": {"in": ["LIVE", "ENDED"]},
            "or": [{"scheduledAt": {"lt": at(1)}}, {"scheduledAt": {"gt": at(3)}}],
            "not": {"and": [{"status": {"eq": "LIVE"}}, {"title": {"startsWith": "1"}}]},
        },
        lambda row: (
            row.status in ("live", "ended")
            and (row.scheduled_at < moment(1) or row.scheduled_at > moment(3))
            and not (row.status == "live" and text(row.title, lambda each: each.startswith("1")))
        ),
    ),
]


@pytest.mark.parametrize(("where", "keep"), MEETINGS, ids=lambda each: str(each) if isinstance(each, dict) else "")
async def test_meetings(school: RunningSchool, awkward: Awkward, where: dict[str, Any] | None, keep: Keep) -> None:
    query = """
        query ($id: ID!, $where: MeetingFilter) {
            classroom(id: $id) { meetings(first: 100, filter: $where) { totalCount nodes { id } } }
        }"""
    answer = await school.ask(query, {"id": awkward.home_id, "where": where}, "admin")
    found = answer["data"]["classroom"]["meetings"]
    kept = {encode("Meeting", each) for each in matching(awkward.meetings, keep)}
    assert {node["id"] for node in found["nodes"]} == kept
    assert found["totalCount"] == len(found["nodes"]) == len(kept)


@pytest.mark.parametrize(
    ("where", "keep"),
    [
        ({"role": {"eq": "ASSISTANT"}}, lambda row: row.role == "assistant"),
        ({"role": {"in": ["TEACHER", "STUDENT"]}}, lambda row: row.role in ("teacher", "student")),
        ({"joinedAt": {"gt": at(3)}}, lambda row: row.joined_at > moment(3)),
        (
            {"or": [{"role": {"eq": "TEACHER"}}, {"joinedAt": {"lte": at(0)}}]},
            lambda row: row.role == "teacher" or row.joined_at <= moment(0),
        ),
        (
            {"not": {"or": [{"role": {"eq": "STUDENT"}}, {"joinedAt": {"gte": at(5)}}]}},
            lambda row: not (row.role == "student" or row.joined_at >= moment(5)),
        ),
    ],
)
async def test_members(school: RunningSchool, awkward: Awkward, where: dict[str, Any], keep: Keep) -> None:
    query = """
        query ($id: ID!, $where: MemberFilter) {
            classroom(id: $id) { members(first: 100, filter: $where) { totalCount nodes { id } } }
        }"""
    answer = await school.ask(query, {"id": awkward.home_id, "where": where}, "admin")
    found = answer["data"]["classroom"]["members"]
    kept = {encode("ClassroomMember", each) for each in matching(awkward.members, keep)}
    assert {node["id"] for node in found["nodes"]} == kept
    assert found["totalCount"] == len(kept) > 0


@pytest.mark.parametrize(
    ("where", "keep"),
    [
        ({"isActive": {"eq": False}}, lambda row: not row.is_active),
        ({"name": {"startsWith": "100 %"}}, lambda row: row.name.startswith("100 %")),
        ({"subject": {"contains": "_"}}, lambda row: text(row.subject, lambda each: "_" in each)),
        ({"not": {"subject": {"contains": "_"}}}, lambda row: not text(row.subject, lambda each: "_" in each)),
        (
            {"and": [{"isActive": {"eq": True}}, {"or": [{"name": {"eq": "A_B"}}, {"subject": {"eq": "aXb"}}]}]},
            lambda row: row.is_active and (row.name == "A_B" or row.subject == "aXb"),
        ),
    ],
)
async def test_classrooms_within_those_of_a_teacher(
    school: RunningSchool, awkward: Awkward, where: dict[str, Any], keep: Keep
) -> None:
    query = """
        query ($where: ClassroomFilter) {
            classrooms(first: 100, filter: $where, orderBy: [{ field: CREATED_AT }]) { totalCount nodes { id } }
        }"""
    teachers = sorted({encode("User", each.teacher_id) for each in awkward.classrooms})
    both = {"and": [where, {"teacherId": {"in": teachers}}]}
    found = (await school.ask(query, {"where": both}, "admin"))["data"]["classrooms"]
    kept = {encode("Classroom", each) for each in matching(awkward.classrooms, keep)}
    assert {node["id"] for node in found["nodes"]} == kept
    assert found["totalCount"] == len(kept) > 0
    one = {"and": [where, {"teacherId": {"eq": teachers[0]}}]}
    found = (await school.ask(query, {"where": one}, "admin"))["data"]["classrooms"]
    assert {node["id"] for node in found["nodes"]} == {
        encode("Classroom", each.id)
        for each in awkward.classrooms
        if keep(each) and encode("User", each.teacher_id) == teachers[0]
    }


async def test_a_page_of_a_filtered_list_goes_on_within_the_filter(school: RunningSchool, awkward: Awkward) -> None:
    query = """
        query ($id: ID!, $after: String) {
            classroom(id: $id) {
                members(first: 2, after: $after, filter: { role: { eq: STUDENT } }) {
                    nodes { id role } pageInfo { hasNextPage endCursor }
                }
            }
        }"""
    met: list[str] = []
    info: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while info["hasNextPage"]:
        variables = {"id": awkward.home_id, "after": info["endCursor"]}
        page = (await school.ask(query, variables, "admin"))["data"]["classroom"]["members"]
        info = page["pageInfo"]
        assert {node["role"] for node in page["nodes"]} == {"STUDENT"}
        met += [node["id"] for node in page["nodes"]]
    students = {encode("ClassroomMember", row.id) for row in awkward.members if row.role == "student"}
    assert len(met) == len(set(met))
    assert set(met) == students
