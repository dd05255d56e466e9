"""Can a gateway compose this graph with others: its schema as a subgraph, and any record by type and id?"""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType, parse

from graph.app import Graph
from graph.http.envelope import Envelope
from graph.ids import encode
from graph.schema import NODES, graphql_schema
from tests.running_school import RunningSchool

ENTITIES = """
query Entities($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on Classroom { name }
    ... on User { name email }
    ... on Meeting { title }
  }
}
"""


async def entities(school: RunningSchool, *asked: Any, account: str | None = "teacher") -> dict[str, Any]:
    """What a gateway is answered."""
    return await school.ask(ENTITIES, {"representations": list(asked)}, account)


def codes(answer: dict[str, Any]) -> dict[tuple[Any, ...], str]:
    """The codes of errors by their path."""
    return {tuple(error["path"]): error["extensions"]["code"] for error in answer.get("errors", ())}


def classroom(school: RunningSchool, **more: Any) -> dict[str, Any]:
    """The representation of the demo's classroom."""
    return {"__typename": "Classroom", "id": school.ids["classroom"], **more}


def meeting(school: RunningSchool) -> dict[str, Any]:
    """The representation of the demo's meeting."""
    return {"__typename": "Meeting", "id": school.ids["meeting"]}


async def test_the_service_describes_itself_as_a_subgraph(school: RunningSchool) -> None:
    answer = await school.ask("{ _service { sdl } }", account=None)
    sdl = answer["data"]["_service"]["sdl"]
    parse(sdl)
    assert 'schema @link(url: "https://specs.apollo.dev/federation/v2.' in sdl
    for kind in NODES:
        assert f'type {kind.__name__} implements Node @key(fields: "id", resolvable: true) {{' in sdl


def test_every_node_is_an_entity() -> None:
    schema = graphql_schema()
    nodes = {kind.name for kind in schema.get_possible_types(schema.type_map["Node"])}  # type: ignore[arg-type]
    union: Any = schema.type_map["_Entity"]
    assert {kind.name for kind in union.types if isinstance(kind, GraphQLObjectType)} == nodes


async def test_records_are_found_by_type_and_id_in_the_gateways_order(school: RunningSchool) -> None:
    answer = await entities(school, meeting(school), classroom(school), classroom(school, name="of another graph"))
    first, second, third = answer["data"]["_entities"]
    assert (first["__typename"], second) == ("Meeting", {"__typename": "Classroom", "name": "Plant Biology"})
    assert third == second
    assert "errors" not in answer


async def test_a_whole_batch_is_one_read_a_type(school: RunningSchool) -> None:
    one = await entities(school, classroom(school))
    many = await entities(school, *[classroom(school)] * 40, *[meeting(school)] * 40)
    assert len(many["data"]["_entities"]) == 80
    calls = [answer["extensions"]["ledger"]["postgresql"]["calls"] for answer in (one, many)]
    assert calls[1] == calls[0] + 1


@pytest.mark.parametrize(
    ("strange", "code"),
    [
        ({"__typename": "Planet", "id": encode("Planet", "x")}, "NOT_FOUND"),
        ({"__typename": "Query", "id": encode("Query", "x")}, "NOT_FOUND"),
        ({"__typename": "User", "id": encode("Classroom", "x")}, "NOT_FOUND"),
        ({"__typename": "Classroom", "id": "raw"}, "NOT_FOUND"),
        ({"__typename": "Classroom", "id": encode("Classroom", "00000000-0000-4000-8000-000000000000")}, "NOT_FOUND"),
        ({"__typename": "Classroom"}, "BAD_USER_INPUT"),
        ({"id": encode("Classroom", "x")}, "BAD_USER_INPUT"),
        ({"__typename": ["Classroom"], "id": "x"}, "BAD_USER_INPUT"),
        ("Classroom", "BAD_USER_INPUT"),
        (7, "BAD_USER_INPUT"),
    ],
)
async def test_one_that_is_not_to_be_had_costs_its_own_place_alone(
    school: RunningSchool, strange: Any, code: str
) -> None:
    answer = await entities(school, classroom(school), strange, meeting(school))
    first, missing, last = answer["data"]["_entities"]
    assert (first["name"], missing, last["__typename"]) == ("Plant Biology", None, "Meeting")
    assert codes(answer) == {("_entities", 1): code}


async def test_a_look_up_goes_through_the_same_doors(school: RunningSchool) -> None:
    foreign = await entities(school, classroom(school), account="outsider")
    assert foreign["data"]["_entities"] == [None]
    assert codes(foreign) == {("_entities", 0): "NOT_FOUND"}
    nobody = await school.post(ENTITIES, {"representations": [classroom(school)]})
    assert nobody.status_code == 401


async def test_fields_below_an_entity_keep_their_own_labels(school: RunningSchool) -> None:
    query = """query ($r: [_Any!]!) { _entities(representations: $r) { ... on Classroom { joinCode } } }"""
    shown = {
        account: (await school.ask(query, {"r": [classroom(school)]}, account))["data"]["_entities"][0]["joinCode"]
        for account in ("teacher", "student")
    }
    assert shown["teacher"] == "LEAF2K7M"
    assert shown["student"] is None


async def test_graphql_core_finds_the_same(school: RunningSchool) -> None:
    asked = [meeting(school), {"__typename": "Planet", "id": "x"}, classroom(school)]
    token = f"Bearer {await school.token('teacher')}"
    answers = []
    for execution in ("compiled", "graphql-core"):
        graph = Graph(school.services, school.settings.model_copy(update={"execution": execution}))
        answer = await graph.answer(Envelope(ENTITIES, {"representations": asked}), authorization=token)
        answers.append((answer.body["data"], answer.body["errors"]))
    assert answers[0] == answers[1]
