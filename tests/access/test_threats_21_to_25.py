"""What do the attacks on other people's records find? Nothing: by ids (21), by fields of lists (22), by filters and
orders on what is hidden (23), by meaning (25). What requests share (24) is tried in `test_isolation.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest
import pytest_asyncio
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)

from datadir.scope import SYSTEM, Scope
from graph.execution.edge import spec_of
from graph.ids import decode, encode
from graph.schema import graphql_schema
from loaders import Loaders
from loaders.page import PageRequest
from resolvers.access.labels import Label
from tests.access.viewers import VIEWERS, Eyes
from tests.running_school import RunningSchool

SCHEMA: Final[GraphQLSchema] = graphql_schema()
pytestmark = pytest.mark.usefixtures("guest")


# 21: by ids

BY_ID: Final = {
    "node": "query ($id: ID!) { node(id: $id) { __typename id } }",
    "nodes": "query ($id: ID!) { nodes(ids: [$id]) { __typename id } }",
    "_entities": "query ($of: [_Any!]!) { _entities(representations: $of) { __typename } }",
    "classroom": "query ($id: ID!) { classroom(id: $id) { name joinCode members { totalCount } } }",
    "filter": "query ($id: ID!) { classrooms(filter: { teacherId: { eq: $id } }) { totalCount nodes { name } } }",
    "revokeSession": "mutation ($id: ID!) { revokeSession(input: { sessionId: $id }) { revokedSessionId } }",
}


@pytest_asyncio.fixture(scope="module")
async def hidden(eyes: Eyes) -> dict[str, str]:
    """Ids of the classroom of mathematics and of what is in it, by kind; the outsider may not know of any."""
    query = """{ classrooms(filter: { name: { eq: "Calculus I" } }) { nodes {
        id teacher { id } members(first: 1) { nodes { id } } assessments(first: 1) { nodes { id } }
        meetings(first: 1) { nodes { id transcript { id } } }
        search(query: "limits", first: 1) { nodes { id document { id } } }
    } } }"""
    [found] = (await eyes.data("teacher", query))["classrooms"]["nodes"]
    text = str(found)
    return {decode(id_).type_name: id_ for id_ in re.findall(r"'id': '([^']+)'", text)}


@pytest.mark.parametrize("way", BY_ID)
async def test_threat_21_an_id_of_others_is_an_id_that_never_was(eyes: Eyes, hidden: dict[str, str], way: str) -> None:
    assert len(hidden) >= 7
    for kind, id_ in hidden.items():
        key = decode(id_).key
        never = encode(kind, re.sub("[0-9a-f]", "0", key, count=len(key)))
        answers = []
        for each in (id_, never):
            given = {"of": [{"__typename": kind, "id": each}]} if way == "_entities" else {"id": each}
            answers.append(await eyes.ask("outsider", BY_ID[way], given))
        assert answers[0].content == answers[1].content, kind
        assert answers[0].status_code == answers[1].status_code
        data = answers[0].json().get("data")
        if way == "filter":
            assert "errors" in answers[0].json() or data == {"classrooms": {"totalCount": 0, "nodes": []}}
        else:
            assert answers[0].json()["errors"][0]["extensions"]["code"] in ("NOT_FOUND", "GRAPHQL_VALIDATION_FAILED")


# 22: by fields of lists

SUMMARIES: Final = """query ($id: ID!) { classroom(id: $id) { assessments(first: 3) { nodes {
    title submissionSummary { count gradedCount averageScore } } } } }"""
PEOPLE: Final = """query ($id: ID!) { classroom(id: $id) { joinCode members(first: 5) { nodes { user {
    name email engagement(days: 7) { date } } } } } }"""


@pytest.mark.parametrize("viewer", ["student", "guest"])
async def test_threat_22_what_teachers_see_students_are_refused_item_by_item(
    eyes: Eyes, hidden: dict[str, str], viewer: str
) -> None:
    id_ = hidden["Classroom"]
    seen = (await eyes.data("teacher", SUMMARIES, {"id": id_}))["classroom"]["assessments"]["nodes"]
    assert seen
    assert all(each["submissionSummary"] for each in seen)
    answer = (await eyes.ask(viewer, SUMMARIES, {"id": id_})).json()
    assert answer["data"]["classroom"]["assessments"]["nodes"] == [
        {"title": each["title"], "submissionSummary": None} for each in seen
    ]
    assert [(error["path"], error["extensions"]) for error in answer["errors"]] == [
        (["classroom", "assessments", "nodes", place, "submissionSummary"], {"code": "FORBIDDEN"})
        for place in range(len(seen))
    ]


async def test_threat_22_of_other_people_they_learn_the_name(eyes: Eyes, hidden: dict[str, str]) -> None:
    variables = {"id": hidden["Classroom"]}
    seen = (await eyes.data("teacher", PEOPLE, variables))["classroom"]
    answer = (await eyes.ask("student", PEOPLE, variables)).json()
    told = answer["data"]["classroom"]
    me = VIEWERS["student"].email
    assert told["joinCode"] is None
    for theirs, ours in zip(seen["members"]["nodes"], told["members"]["nodes"], strict=True):
        assert ours["user"]["name"] == theirs["user"]["name"]
        if theirs["user"]["email"] != me:
            assert (ours["user"]["email"], ours["user"]["engagement"]) == (None, None)
            assert theirs["user"]["email"] not in str(answer)
    assert seen["joinCode"] not in str(answer)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}


# 23: by filters and orders

# How far each label reaches; whoever may filter a list may read what it is filtered by.
WIDER: Final = [Label.PUBLIC, Label.AUTHENTICATED, Label.RECORD, Label.MEMBER, Label.SELF, Label.TEACHER, Label.ADMIN]


def lists() -> Iterator[tuple[str, Any, GraphQLObjectType, dict[str, Any]]]:
    """Every list that is filtered or ordered: where it is, its label, what is in it, its arguments."""
    for name, kind in SCHEMA.type_map.items():
        if not isinstance(kind, GraphQLObjectType) or name.startswith("__"):
            continue
        for field_name, field in kind.fields.items():
            arguments = {key: value for key, value in field.args.items() if key in ("filter", "orderBy")}
            connection = get_named_type(field.type)
            if arguments and isinstance(connection, GraphQLObjectType):
                item = get_named_type(connection.fields["nodes"].type)
                assert isinstance(item, GraphQLObjectType)
                yield f"{name}.{field_name}", label(kind, field_name), item, arguments


def label(kind: GraphQLObjectType, name: str) -> Label:
    """The access label of a field."""
    spec = spec_of(kind.fields[name].extensions["strawberry-definition"])
    assert spec is not None
    found = spec.label
    assert isinstance(found, Label)
    return found


def terms(arguments: dict[str, Any]) -> set[str]:
    """The fields by which a list is filtered or ordered, as the items call them."""
    found = set()
    for argument in arguments.values():
        kind = get_named_type(argument.type)
        assert isinstance(kind, GraphQLInputObjectType)
        if "field" in kind.fields:
            orders = get_named_type(kind.fields["field"].type)
            assert isinstance(orders, GraphQLEnumType)
            found |= {re.sub("_([a-z])", lambda each: each[1].upper(), name.lower()) for name in orders.values}
        else:
            found |= set(kind.fields) - {"and", "or", "not"}
    return found


def test_threat_23_nothing_is_filtered_or_ordered_by_what_its_reader_may_not_read() -> None:
    judged = 0
    for where, its, item, arguments in lists():
        for term in terms(arguments):
            # An id of another record goes by the field that leads there.
            name = term if term in item.fields else term.removesuffix("Id").removesuffix("Ids")
            if name not in item.fields:
                name = "id"
            own = label(item, name)
            assert own is Label.RECORD or WIDER.index(own) <= WIDER.index(its), f"{where} by {term}"
            judged += 1
    assert judged >= 15


@pytest.mark.parametrize("field", ["joinCode", "email", "passwordHash", "averageScore", "role'; --"])
async def test_threat_23_a_hidden_field_is_no_order_and_no_filter(eyes: Eyes, field: str) -> None:
    for argument in (f'orderBy: [{{ field: "{field}" }}]', f'filter: {{ "{field}": {{ eq: "x" }} }}'):
        answer = (await eyes.ask("student", f"{{ classrooms({argument}) {{ totalCount }} }}")).json()
        assert "data" not in answer
    given = {"where": {field: {"eq": "x"}}, "order": [{"field": field}]}
    for query in (
        "query ($where: ClassroomFilter) { classrooms(filter: $where) { totalCount } }",
        "query ($order: [ClassroomOrder!]) { classrooms(orderBy: $order) { totalCount } }",
    ):
        answer = (await eyes.ask("student", query, given)).json()
        assert "data" not in answer
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


# 25: by meaning

QUESTIONS: Final = (
    "limits and derivatives",
    "How do plants turn light into energy?",
    "steam engines and mills",
    "sorting and searching",
    "light",
    "what is a cell",
    "the causes of the war",
    "loops and recursion",
    "integral of a sum",
    "water",
)


async def test_threat_25_a_thousand_searches_find_nothing_of_others_and_are_full(school: RunningSchool) -> None:
    services = school.services
    async with services.stores.postgresql.transaction(SYSTEM) as tx:
        rows = await tx.fetch("select id from classrooms order by id")
        held = {
            row["classroom_id"]: row["chunks"]
            for row in await tx.fetch(
                "select classroom_id, sum(chunk_count)::int as chunks from documents "
                "where classroom_id is not null group by classroom_id"
            )
        }
    classrooms: list[UUID] = [row["id"] for row in rows]
    random, found, foreign, short = Random(25), 0, 0, 0
    for number in range(1_000):
        mine = tuple(sorted(random.sample(classrooms, random.randint(1, 3))))
        asks = random.choice(classrooms)
        scope = Scope(UUID(int=number + 1), "student", mine)
        lease = services.stores.postgresql.lease(scope)
        loaders = Loaders(services.stores, lease, services.cursors, services.embedder)
        [page] = await loaders.library.matches_by_classroom_id([asks], random.choice(QUESTIONS), PageRequest(size=5))
        found += len(page.records)
        foreign += sum(each.chunk.classroom_id != asks or asks not in mine for each in page.records)
        # Filtered before the nearest are chosen: there are as many as were asked for, wherever there are so many.
        short += asks in mine and len(page.records) < min(5, held.get(asks, 0))
    assert (foreign, short) == (0, 0)
    assert found > 1_000
