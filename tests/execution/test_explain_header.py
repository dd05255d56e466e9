"""Can a client see the plan? `x-studygraph-explain`, beside the answer or in its place."""

from __future__ import annotations

import pytest

from datadir import ledger
from graph.app import Graph
from graph.http.envelope import Envelope
from tests.running_school import RunningSchool

QUESTION = "query ($id: ID!) { classroom(id: $id) { id teacher { id presence { status } } } }"
PLAN = {
    "levels": [
        {"level": 1, "edges": [{"path": "classroom", "calls": {"postgresql": 1}}]},
        {"level": 2, "edges": [{"path": "classroom.teacher", "calls": {"postgresql": 1}}]},
        {"level": 3, "edges": [{"path": "classroom.teacher.presence", "calls": {"redis": 1}}]},
    ],
    "calls": {"postgresql": 2, "redis": 2},
    "total": 4,
}


async def test_the_plan_stands_beside_the_answer_and_equals_the_ledger(school: RunningSchool) -> None:
    response = await school.post(
        QUESTION, {"id": school.ids["classroom"]}, "teacher", x_studygraph_explain="1", x_studygraph_ledger="1"
    )
    body = response.json()
    assert body["data"]["classroom"]["id"] == school.ids["classroom"]
    assert body["extensions"]["plan"] == PLAN
    assert {store: entry["calls"] for store, entry in body["extensions"]["ledger"].items()} == PLAN["calls"]


async def test_only_the_plan_is_answered_without_any_store_call(school: RunningSchool) -> None:
    token = await school.token("teacher")
    with ledger.kept() as calls:
        response = await school.http.post(
            "/graphql",
            json={"query": QUESTION, "variables": {"id": school.ids["classroom"]}},
            headers={"x-studygraph-explain": "only", "authorization": f"Bearer {token}"},
        )
    assert response.json() == {"extensions": {"plan": PLAN}}
    assert calls.stores == {}


async def test_an_operation_without_a_plan_says_so(school: RunningSchool) -> None:
    response = await school.post("{ __schema { queryType { name } } }", x_studygraph_explain="only")
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_no_header_no_plan(school: RunningSchool) -> None:
    body = (await school.post(QUESTION, {"id": school.ids["classroom"]}, "teacher")).json()
    assert "extensions" not in body


@pytest.mark.parametrize(("account", "shown"), [("admin", True), ("teacher", False)])
@pytest.mark.parametrize("explain", ["1", "only"])
async def test_in_production_administrators_alone_see_it(
    account: str, shown: bool, explain: str, school: RunningSchool
) -> None:
    production = Graph(school.services, school.settings.model_copy(update={"env": "production"}))
    envelope = Envelope(QUESTION, {"id": school.ids["classroom"]})
    authorization = f"Bearer {await school.token(account)}"
    answer = await production.answer(envelope, authorization=authorization, explain=explain, wants_ledger=True)
    assert ("plan" in answer.body.get("extensions", {})) is shown
    # Whoever may not look is answered as if they had not asked to.
    assert ("data" in answer.body) is (explain == "1" or not shown)
