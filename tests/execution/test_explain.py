"""Does the explained plan say what the stores are then asked? Every question of tests/queries is held to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
from graphql import OperationDefinitionNode, OperationType, parse
from graphql.execution.values import VariableValues, get_variable_values

from graph.execution.documents import DocumentErrors, Documents
from graph.execution.explain import PREAMBLE, SCOPE, explained
from graph.execution.plans import Plans
from graph.explorer.tabs import demo_ids
from graph.ids import decode
from graph.schema import graphql_schema
from graph.types.node import Node
from tests.queries.triple import Triple, triples

# Whoever is nobody is answered before anything is read.
NOBODY: Final = {"accounts/log_in_wrong", "accounts/viewer_anonymous"}
# A change of nothing: it is answered from what it read, and nothing is written.
NOTHING_WRITTEN: Final = {"accounts/update_profile_nothing"}
# Fields that read each concrete type of the ids they are given, and the variable that holds these.
OF_ANY_TYPE: Final = {"node": "id", "nodes": "ids"}


def predicted(triple: Triple) -> dict[str, Any] | None:
    """The plan of a question, None where its document is refused."""
    schema = graphql_schema()
    try:
        document = Documents(schema).document(triple.question.read_text(encoding="utf-8"))
    except DocumentErrors:
        return None
    operation: OperationDefinitionNode = document.operation(None)
    variables = get_variable_values(schema, operation.variable_definitions or (), triple.variables(demo_ids()))
    if not isinstance(variables, VariableValues):
        return None
    plans = Plans(schema)
    plan = plans.plan(document, None, variables.coerced)
    assert plan is not None, plans.counts.fallbacks
    return explained(plan, viewer=triple.account() is not None)


@pytest.mark.parametrize("triple", triples(), ids=lambda triple: triple.name)
def test_no_store_is_asked_more_often_than_the_plan_says(triple: Triple) -> None:
    plan = predicted(triple)
    if plan is None:
        return
    calls = json.loads(triple.calls.read_text(encoding="utf-8"))
    over = {store: count for store, count in calls.items() if count > plan["calls"].get(store, 0)}
    assert over == {}


def values(answer: Any, path: list[str]) -> Iterator[Any]:
    """What stands in an answer at a path of the document, in all lists on the way there."""
    if isinstance(answer, list):
        for each in answer:
            yield from values(each, path)
    elif isinstance(answer, dict) and path[0] in answer:
        if len(path) == 1:
            yield answer[path[0]]
        else:
            yield from values(answer[path[0]], path[1:])


def refused_a_change(document: str, answer: dict[str, Any]) -> bool:
    """Whether a mutation was refused, by a sentence about its input or by an error in its place: it ends before its
    writes, and has asked for less than all. What is predicted is then a bound, and nothing but a bound."""
    if not any(
        isinstance(each, OperationDefinitionNode) and each.operation is OperationType.MUTATION
        for each in parse(document).definitions
    ):
        return False
    fields = (answer.get("data") or {}).values()
    return any(each is None or (isinstance(each, dict) and bool(each.get("errors"))) for each in fields)


def asked(triple: Triple, edge: dict[str, Any], answer: dict[str, Any]) -> dict[str, int]:
    """What an edge asks where its level is what the answer shows: nothing where nobody is there, or where a door shuts
    everybody out; one call for each type of the ids that it is given."""
    path = edge["path"].split(".")
    found = list(values(answer.get("data"), path))
    shut = {
        ".".join(key for key in error["path"] if isinstance(key, str))
        for error in answer.get("errors", ())
        if error["extensions"]["code"] == "FORBIDDEN"
    }
    if not found or (edge["path"] in shut and not any(found)):
        return {}
    if edge["path"] in OF_ANY_TYPE:
        given = triple.variables(demo_ids())[OF_ANY_TYPE[edge["path"]]]
        types = {decode(each).type_name for each in (given if isinstance(given, list) else [given])}
        return Counter(kind.store for kind in Node.__subclasses__() if kind.__name__ in types)
    calls: dict[str, int] = edge["calls"]
    return calls


@pytest.mark.parametrize("triple", triples(), ids=lambda triple: triple.name)
def test_each_edge_asks_what_the_plan_says_where_its_level_is_not_empty(triple: Triple) -> None:
    plan = predicted(triple)
    if plan is None or triple.name in NOBODY:
        return
    answer = json.loads(triple.answer.read_text(encoding="utf-8"))
    if triple.name in NOTHING_WRITTEN or refused_a_change(triple.question.read_text(encoding="utf-8"), answer):
        return
    edges = [edge for level in plan["levels"] for edge in level["edges"]]
    expected = Counter(plan["calls"])
    for edge in edges:
        expected.subtract(edge["calls"])
        expected.update(asked(triple, edge, answer))
    asked_first: Counter[str] = Counter()
    for edge in plan["levels"][0]["edges"]:
        asked_first.update(asked(triple, edge, answer))
    if plan["calls"].get("postgresql") and asked_first and not asked_first["postgresql"]:
        # An id of any type, and this one's records are in no table: no statement took the viewer's scope along.
        expected.update(SCOPE)
    if triple.account() is not None and not any(asked(triple, edge, answer) for edge in edges):
        # The account's role shut all doors, and the session brings it: the viewer's classrooms are read by nobody.
        expected = Counter(PREAMBLE)
    assert +expected == json.loads(triple.calls.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name",
    [
        "governance/one_of_each_type_teacher",
        "accounts/viewer",
        "classrooms/classrooms",
        "classrooms/classrooms_backwards",
        "classrooms/front_page",
        "classrooms/front_page_100_members",
        "classrooms/front_page_50_meetings",
        "classrooms/front_page_admin",
        "governance/stores_anonymous",
    ],
)
def test_where_no_level_is_empty_the_plan_is_the_ledger(name: str) -> None:
    triple = next(each for each in triples() if each.name == name)
    plan = predicted(triple)
    assert plan is not None
    assert plan["calls"] == json.loads(triple.calls.read_text(encoding="utf-8"))


def test_the_front_page_has_five_levels_and_seventeen_calls() -> None:
    triple = next(each for each in triples() if each.name == "classrooms/front_page")
    plan = predicted(triple)
    assert plan is not None
    assert [level["level"] for level in plan["levels"]] == [1, 2, 3, 4, 5]
    assert plan["calls"] == {"cassandra": 1, "mongodb": 1, "postgresql": 11, "qdrant": 1, "redis": 3}
    assert plan["total"] == 17
    assert plan["levels"][1]["edges"] == [
        {"path": "classroom.teacher", "calls": {"postgresql": 1}},
        {"path": "classroom.members", "calls": {"postgresql": 1}},
        {"path": "classroom.meetings", "calls": {"postgresql": 1}},
        {"path": "classroom.assessments", "calls": {"postgresql": 1}},
        {"path": "classroom.search", "calls": {"qdrant": 1}},
    ]
