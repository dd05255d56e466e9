"""Does the explained plan say what the stores are then asked? Every question of tests/queries is held to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import OperationDefinitionNode
from graphql.execution.values import VariableValues, get_variable_values

from graph.execution.documents import DocumentErrors, Documents
from graph.execution.explain import explained
from graph.execution.plans import Plans
from graph.explorer.tabs import demo_ids
from graph.schema import graphql_schema
from tests.queries.triple import Triple, triples


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


@pytest.mark.parametrize(
    "name",
    [
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


def test_the_front_page_has_five_levels_and_eighteen_calls() -> None:
    triple = next(each for each in triples() if each.name == "classrooms/front_page")
    plan = predicted(triple)
    assert plan is not None
    assert [level["level"] for level in plan["levels"]] == [1, 2, 3, 4, 5]
    assert plan["calls"] == {"cassandra": 1, "mongodb": 1, "postgresql": 12, "qdrant": 1, "redis": 3}
    assert plan["total"] == 18
    assert plan["levels"][1]["edges"] == [
        {"path": "classroom.teacher", "calls": {"postgresql": 1}},
        {"path": "classroom.members", "calls": {"postgresql": 1}},
        {"path": "classroom.meetings", "calls": {"postgresql": 1}},
        {"path": "classroom.assessments", "calls": {"postgresql": 1}},
        {"path": "classroom.search", "calls": {"qdrant": 1}},
    ]
