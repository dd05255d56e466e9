"""Is an argument or a variable that makes no sense refused with its code, where it was sent, and never a 5xx?"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.http.refusals import failure, refusal, refusals
from tests.running_school import RunningSchool

NOBODYS = "There is no such record, or it is not yours to see."
NOT_THIS_LIST = "This cursor does not belong to this list and order."
CLASSROOMS = "query ($filter: ClassroomFilter) { classrooms(filter: $filter) { totalCount } }"
MEETINGS = """
query ($id: ID!, $filter: MeetingFilter) { classroom(id: $id) { meetings(filter: $filter) { totalCount } } }
"""


def node_id(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("ID!", None, "Variable '$x' has invalid value: Expected value of non-null type 'ID!'"),
        ("ID!", {}, "Variable '$x' has invalid value: ID cannot represent value: {}"),
        ("ID!", ["a"], "Variable '$x' has invalid value: ID cannot represent value: ['a']"),
        ("ID!", 1.5, "Variable '$x' has invalid value: ID cannot represent value: 1.5"),
        ("ID!", True, "Variable '$x' has invalid value: ID cannot represent value: True"),
        ("ID!", "a\0b", "Variable '$x' holds a text with the character U+0000."),
    ],
)
async def test_a_variable_of_the_wrong_type_is_refused(
    school: RunningSchool, type_: str, value: Any, message: str
) -> None:
    response = await school.post(f"query ($x: {type_}) {{ node(id: $x) {{ id }} }}", {"x": value}, "teacher")
    found = refusal(response)
    assert found.code == "BAD_USER_INPUT"
    assert found.message.startswith(message)


@pytest.mark.parametrize("value", ["1", 1.5, 2**31, 2**63, 2**64, 10**300, -(2**31) - 1, True, [1, 2], {"a": 1}])
async def test_no_number_outside_32_bits_becomes_an_int(school: RunningSchool, value: Any) -> None:
    query = "query ($first: Int) { classrooms(first: $first) { totalCount } }"
    assert refusal(await school.post(query, {"first": value}, "teacher")).code == "BAD_USER_INPUT"


async def test_a_variable_that_is_missing_is_refused(school: RunningSchool) -> None:
    found = refusal(await school.post("query ($x: ID!) { node(id: $x) { id } }", {}, "teacher"))
    assert found[:2] == (
        "BAD_USER_INPUT",
        "Variable '$x' has invalid value: Expected a value of non-null type 'ID!' to be provided.",
    )


async def test_at_most_twenty_bad_variables_are_told(school: RunningSchool) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    found = refusals(await school.post(query, {"ids": [{}] * 250}, "teacher"))
    assert {each.code for each in found} == {"BAD_USER_INPUT"}
    assert len(found) <= 21


async def test_a_variable_that_nobody_declared_is_ignored(school: RunningSchool) -> None:
    response = await school.post("{ __typename }", {"x": {"y": ["z\0"]}})
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_null_for_an_argument_that_has_a_default_is_refused_at_its_field(school: RunningSchool) -> None:
    query = "query ($days: Int) { viewer { engagement(days: $days) { date } } }"
    found = failure(await school.post(query, {"days": None}, "teacher"))
    assert (found.code, found.path) == ("BAD_USER_INPUT", ["viewer", "engagement"])


@pytest.mark.parametrize("field", ["classroom", "node"])
@pytest.mark.parametrize(
    "id_",
    [
        "",
        "%%%",
        "x",
        "😀",
        "A" * 100_000,
        node_id("Classroom"),
        node_id("Classroom:"),
        node_id("Classroom:x"),
        node_id("Classroom:\0"),
        node_id("Query:1"),
        node_id("Classroom:00000000-0000-0000-0000-000000000000"),
        node_id("classroom:07f1bf17-afb8-5054-9dd6-a2e7ef954655"),
    ],
)
async def test_an_id_that_is_none_is_one_that_never_existed(school: RunningSchool, field: str, id_: str) -> None:
    response = await school.post(f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}", {"id": id_}, "teacher")
    assert failure(response) == ("NOT_FOUND", NOBODYS, [field])


async def test_an_id_of_another_type_is_not_found(school: RunningSchool) -> None:
    query = "query ($id: ID!) { classroom(id: $id) { id } }"
    response = await school.post(query, {"id": school.ids["student"]}, "teacher")
    assert failure(response) == ("NOT_FOUND", NOBODYS, ["classroom"])


async def test_two_hundred_and_fifty_ids_are_taken_and_no_more(school: RunningSchool) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    longest = await school.ask(query, {"ids": [school.ids["teacher"]] * 250})
    assert longest["data"]["nodes"] == [{"id": school.ids["teacher"]}] * 250
    literal = "{ nodes(ids: [" + '"x" ' * 251 + "]) { id } }"
    for response in (
        await school.post(query, {"ids": ["x"] * 251}, "teacher"),
        await school.post(literal, {}, "teacher"),
    ):
        assert refusal(response)[:2] == ("LIST_TOO_LONG", "`ids` holds 251 items; at most 250 are taken.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("first: 0", "`first` is 0; a page holds 1 to 100 records."),
        ("first: -1", "`first` is -1; a page holds 1 to 100 records."),
        ("first: 101", "`first` is 101; a page holds 1 to 100 records."),
        ("first: 1000", "`first` is 1000; a page holds 1 to 100 records."),
        ("last: 0", "`last` is 0; a page holds 1 to 100 records."),
        ("last: 101", "`last` is 101; a page holds 1 to 100 records."),
        ("first: 1, last: 1", "Ask with `first` or with `last`, not with both."),
    ],
)
async def test_a_page_outside_the_bounds_is_refused_before_any_store_is_asked(
    school: RunningSchool, arguments: str, message: str
) -> None:
    for query in (
        f"{{ classrooms({arguments}) {{ totalCount }} }}",
        f"{{ viewer {{ ...Mine }} }} fragment Mine on User {{ classrooms({arguments}) {{ totalCount }} }}",
        f'{{ classroom(id: "x") {{ search(query: "x", {arguments}) {{ nodes {{ id }} }} }} }}',
    ):
        if "search" in query and "last" in arguments:
            continue
        assert refusal(await school.post(query, None, "teacher"))[:2] == ("PAGE_SIZE", message)


async def test_a_page_is_judged_by_the_values_of_its_variables(school: RunningSchool) -> None:
    query = "query ($first: Int! = 500, $last: Int) { classrooms(first: $first, last: $last) { totalCount } }"
    assert refusal(await school.post(query, {}, "teacher")).message.startswith("`first` is 500;")
    assert refusal(await school.post(query, {"first": 5, "last": 5}, "teacher")).code == "PAGE_SIZE"
    assert (await school.ask(query, {"first": 5, "last": None}))["data"] == {"classrooms": {"totalCount": 1}}


async def test_only_what_the_operation_uses_is_judged(school: RunningSchool) -> None:
    document = """
        query Small { viewer { ...Few } }
        query Large($first: Int) { viewer { ...Many } }
        fragment Few on User { classrooms(first: 1) { totalCount } }
        fragment Many on User { classrooms(first: $first) { nodes { id } } }
        """
    headers = {"authorization": f"Bearer {await school.token('teacher')}"}

    async def ask(name: str) -> Any:
        body = {"query": document, "operationName": name, "variables": {"first": 1000}}
        return await school.http.post("/graphql", json=body, headers=headers)

    assert (await ask("Small")).json() == {"data": {"viewer": {"classrooms": {"totalCount": 1}}}}
    assert refusal(await ask("Large")).code == "PAGE_SIZE"


@pytest.mark.parametrize("cursor", ["", "x", "é", "a.b", "W10.abc", "WyIiXQ.x", "x" * 10_000])
async def test_a_forged_cursor_is_refused_at_its_list(school: RunningSchool, cursor: str) -> None:
    query = """
        query ($id: ID!, $cursor: String!) {
            classroom(id: $id) {
                name
                members(after: $cursor) { totalCount }
                search(query: "light", after: $cursor) { nodes { id } }
            }
        }"""
    response = await school.post(query, {"id": school.ids["classroom"], "cursor": cursor}, "teacher")
    assert sorted(refusals(response)) == [
        ("BAD_CURSOR", NOT_THIS_LIST, ["classroom", "members"]),
        ("BAD_CURSOR", NOT_THIS_LIST, ["classroom", "search"]),
    ]
    assert response.json()["data"]["classroom"] == {"name": "Plant Biology", "members": None, "search": None}


async def test_a_cursor_of_another_list_or_order_is_refused(school: RunningSchool) -> None:
    page = "{ classrooms(first: 1) { pageInfo { endCursor } } }"
    cursor = (await school.ask(page, None, "admin"))["data"]["classrooms"]["pageInfo"]["endCursor"]
    for wanted in (
        "classrooms(after: $c, orderBy: [{ field: CREATED_AT }])",
        "classrooms(after: $c, orderBy: [{ field: NAME, direction: DESC }])",
        "classrooms(before: $c, orderBy: [{ field: NAME }, { field: CREATED_AT }])",
    ):
        query = f"query ($c: String) {{ {wanted} {{ totalCount }} }}"
        assert failure(await school.post(query, {"c": cursor}, "admin"))[:2] == ("BAD_CURSOR", NOT_THIS_LIST)
    mine = "query ($c: String) { viewer { classrooms(after: $c) { totalCount } } }"
    assert failure(await school.post(mine, {"c": cursor}, "admin")).path == ["viewer", "classrooms"]


async def test_a_cursor_of_another_classroom_is_refused_there_alone(school: RunningSchool) -> None:
    first = "{ classrooms { nodes { name members(first: 2) { edges { cursor } } } } }"
    nodes = (await school.ask(first, None, "admin"))["data"]["classrooms"]["nodes"]
    cursor = nodes[2]["members"]["edges"][0]["cursor"]
    second = "query ($c: String) { classrooms { nodes { name members(first: 1, after: $c) { edges { cursor } } } } }"
    answer = await school.ask(second, {"c": cursor}, "admin")
    pages = [node["members"] for node in answer["data"]["classrooms"]["nodes"]]
    assert pages == [None, None, {"edges": [nodes[2]["members"]["edges"][1]]}, None, None, None]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_CURSOR"}


@pytest.mark.parametrize("text", ["", "   ", "\n", "a" * 1001, "😀" * 1001])
async def test_a_search_takes_1_to_1000_characters(school: RunningSchool, text: str) -> None:
    query = "query ($id: ID!, $text: String!) { classroom(id: $id) { search(query: $text) { nodes { id } } } }"
    response = await school.post(query, {"id": school.ids["classroom"], "text": text}, "teacher")
    assert failure(response) == ("BAD_USER_INPUT", "`query` takes 1 to 1,000 characters.", ["classroom", "search"])


@pytest.mark.parametrize("days", [0, -1, 91, 2**31 - 1])
async def test_engagement_is_shown_for_1_to_90_days(school: RunningSchool, days: int) -> None:
    query = "query ($days: Int!) { viewer { name engagement(days: $days) { date } } }"
    response = await school.post(query, {"days": days}, "teacher")
    assert failure(response) == (
        "BAD_USER_INPUT",
        f"`days` is {days}; engagement is shown for 1 to 90 days.",
        ["viewer", "engagement"],
    )


@pytest.mark.parametrize(
    "order",
    [
        "[{ field: NAME }, { field: NAME, direction: DESC }]",
        "[{ field: NAME }, { field: CREATED_AT }, { field: NAME }]",
        "[{ field: NAME }, { field: NAME }, { field: NAME }, { field: CREATED_AT }]",
    ],
)
async def test_an_order_takes_each_field_once(school: RunningSchool, order: str) -> None:
    response = await school.post(f"{{ classrooms(orderBy: {order}) {{ totalCount }} }}", None, "teacher")
    assert failure(response) == ("BAD_USER_INPUT", "orderBy takes at most 3 different fields.", ["classrooms"])


@pytest.mark.parametrize(
    "filter_",
    [
        {"name": {"in": ["x"] * 51}},
        {"or": [{}] * 51},
        {"and": [{"name": {"eq": "x"}}] * 51},
        {"or": [{"name": {"in": ["x"] * 26}}, {"not": {"name": {"in": ["x"] * 25}}}]},
    ],
)
async def test_a_filter_makes_at_most_fifty_comparisons(school: RunningSchool, filter_: dict[str, Any]) -> None:
    response = await school.post(CLASSROOMS, {"filter": filter_}, "teacher")
    assert failure(response) == ("BAD_USER_INPUT", "A filter makes at most 50 comparisons.", ["classrooms"])


@pytest.mark.parametrize("id_", ["x", "", "Q2xhc3Nyb29tOng="])
async def test_a_filter_by_id_takes_ids(school: RunningSchool, id_: str) -> None:
    response = await school.post(CLASSROOMS, {"filter": {"teacherId": {"eq": id_}}}, "teacher")
    assert failure(response)[:2] == ("BAD_USER_INPUT", "A filter by id takes ids of this schema.")


@pytest.mark.parametrize("operator", ["eq", "contains", "startsWith", "in"])
async def test_a_text_with_nul_is_refused(school: RunningSchool, operator: str) -> None:
    value: Any = ["a", "b\0"] if operator == "in" else "a\0b"
    found = refusal(await school.post(CLASSROOMS, {"filter": {"name": {operator: value}}}, "teacher"))
    assert found[:2] == ("BAD_USER_INPUT", "Variable '$filter' holds a text with the character U+0000.")


@pytest.mark.parametrize(
    "text", ["\u200b", "\u202e", "\ufffe", "\U0010ffff", "e\u0301", "\\", "'; drop table users; --"]
)
async def test_any_other_text_is_only_a_text(school: RunningSchool, text: str) -> None:
    answer = await school.ask(CLASSROOMS, {"filter": {"name": {"contains": text}}})
    assert answer["data"] == {"classrooms": {"totalCount": 0}}


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "x",
        5,
        "2026-11-21",
        "2026-11-21T09:30:00",
        "2026-11-21 09:30:00Z",
        "20261121T093000Z",
        "2026-W47-6T09:30:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-21T25:00:00Z",
        "2026-11-21T09:30:00+00:00:01",
        "２０２６-11-21T09:30:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9" * 5000,
    ],
)
async def test_a_moment_that_is_none_is_refused(school: RunningSchool, moment: Any) -> None:
    variables = {"id": school.ids["classroom"], "filter": {"scheduledAt": {"gt": moment}}}
    found = refusal(await school.post(MEETINGS, variables, "teacher"))
    assert found.code == "BAD_USER_INPUT"
    assert found.message == (
        "Variable '$filter' has invalid value at .scheduledAt.gt: A DateTime is a text with an offset, as "
        "2026-11-21T09:30:00Z."
    )


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00Z",
        "2000-01-01t00:00:00z",
        "2000-01-01T00:00:00.123456789+05:45",
        "1999-12-31T23:59:59.999-12:00",
    ],
)
async def test_a_moment_is_taken_as_rfc_3339_writes_it(school: RunningSchool, moment: str) -> None:
    variables = {"id": school.ids["classroom"], "filter": {"scheduledAt": {"gt": moment}}}
    answer = await school.ask(MEETINGS, variables)
    assert answer["data"]["classroom"]["meetings"] == {"totalCount": 10}


async def test_a_wrong_literal_is_refused_as_part_of_the_document(school: RunningSchool) -> None:
    query = '{ classroom(id: "x") { meetings(filter: { scheduledAt: { gt: "x" } }) { totalCount } } }'
    found = refusal(await school.post(query, None, "teacher"))
    assert found[:2] == (
        "GRAPHQL_VALIDATION_FAILED",
        "A DateTime is a text with an offset, as 2026-11-21T09:30:00Z.",
    )
