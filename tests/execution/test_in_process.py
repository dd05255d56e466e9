"""Do callers of the Strawberry schema get what HTTP answers, on the same plans?"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, ClassVar

import pytest
from graphql import execute, parse
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionResult
from structlog.testing import capture_logs

from graph.app import Graph
from graph.authn import viewer_of
from graph.context import Context
from graph.execution.executor import PlannedExecutor
from graph.http.envelope import Envelope
from graph.schema import NODES, Mutation, Query, Schema, graphql_schema, schema
from graph.types.scalars import SCALARS
from tests.queries.triple import Triple, masked, triples
from tests.running_school import RunningSchool

VIEWER = "query Who($more: Boolean = true) { viewer { name role @include(if: $more) } }"


@pytest.fixture
def graph(school: RunningSchool) -> Graph:
    """The graph of a process, with no plans yet; it makes some, whichever way the other tests run."""
    return Graph(school.services, school.settings.model_copy(update={"execution": "compiled"}))


async def as_account(graph: Graph, school: RunningSchool, account: str | None) -> Context:
    """The context of one operation."""
    sent = None if account is None else f"Bearer {await school.token(account)}"
    return graph.context(await viewer_of(school.services, sent, reads=True))


def shape(result: ExecutionResult) -> dict[str, Any]:
    """A result as a response has it."""
    errors = {"errors": [each.formatted for each in result.errors]} if result.errors else {}
    return {**errors, "data": result.data}


def bytes_of(body: dict[str, Any], school: RunningSchool) -> bytes:
    """What can be compared from run to run; errors of different fields come in no particular order, and what stands
    beside an answer (its cost) is for clients."""
    body = {"data": body.get("data"), "errors": sorted(body.get("errors", []), key=json.dumps)}
    return json.dumps(masked(body, school.start, school.now), sort_keys=False).encode()


@pytest.mark.parametrize("triple", triples(), ids=lambda triple: triple.name)
async def test_every_question_is_answered_as_over_http(triple: Triple, graph: Graph, school: RunningSchool) -> None:
    question, variables = triple.question.read_text(encoding="utf-8"), triple.variables(school.ids)
    context = await as_account(graph, school, triple.account())
    result = await schema().execute(question, variable_values=variables, context_value=context)
    sent = None if triple.account() is None else f"Bearer {await school.token(triple.account() or '')}"
    answer = await graph.answer(Envelope(question, variables), authorization=sent)
    assert bytes_of(shape(result), school) == bytes_of(answer.body, school)
    assert not graph.plans.counts.fallbacks
    if answer.executed:
        # Made for the one, found by the other.
        assert (graph.plans.counts.misses, graph.plans.counts.hits) == (1, 1)


async def test_a_plan_is_made_once_for_both_settings_of_its_switch(graph: Graph, school: RunningSchool) -> None:
    async def asked(**variables: Any) -> Any:
        context = await as_account(graph, school, "teacher")
        return (await schema().execute(VIEWER, variable_values=variables, context_value=context)).data

    for _ in range(3):
        assert await asked() == {"viewer": {"name": "Maya Lindqvist", "role": "TEACHER"}}
        assert await asked(more=False) == {"viewer": {"name": "Maya Lindqvist"}}
    assert (graph.plans.counts.misses, graph.plans.counts.hits) == (2, 4)
    assert len(graph.documents.kept()) == 1


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        ("{ viewer { ", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ viewer { nope } nope }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query A { viewer { id } } query B { viewer { id } }", {}, "OPERATION_RESOLUTION_FAILURE"),
        ("query ($id: ID!) { node(id: $id) { id } }", {}, "BAD_USER_INPUT"),
        ("query ($id: ID!) { node(id: $id) { id } }", {"id": {"password": "hunter2"}}, "BAD_USER_INPUT"),
        ('{ node(id: "a\\u0000") { id } }', {}, "BAD_USER_INPUT"),
        ("{ viewer " + "{ classrooms { nodes { teacher " * 20 + "{ id }" + " } } }" * 20 + " }", {}, "DEPTH_LIMIT"),
    ],
)
async def test_what_is_refused_is_refused_in_the_same_words(
    graph: Graph, school: RunningSchool, document: str, variables: dict[str, Any], code: str
) -> None:
    with capture_logs() as logs:
        context = await as_account(graph, school, "teacher")
        result = await schema().execute(document, variable_values=variables, context_value=context)
    answer = await graph.answer(Envelope(document, variables), authorization=f"Bearer {await school.token('teacher')}")
    assert result.data is None
    assert [each.formatted for each in result.errors or ()] == answer.body["errors"]
    assert {each["extensions"]["code"] for each in answer.body["errors"]} == {code}
    assert "hunter2" not in repr(logs)


async def test_nobody_is_answered_without_an_account_what_needs_one(graph: Graph, school: RunningSchool) -> None:
    document = "{ classrooms { nodes { id } } }"
    result = await schema().execute(document, context_value=await as_account(graph, school, None))
    assert result.data is None
    assert [each.formatted["extensions"] for each in result.errors or ()] == [{"code": "UNAUTHENTICATED"}]


async def test_a_defect_is_masked_and_logged_once_and_stays_at_hand(graph: Graph, school: RunningSchool) -> None:
    context = await as_account(graph, school, "teacher")
    # Whoever reads without stores has forgotten something.
    context.operation.services = None  # type: ignore[assignment]
    with capture_logs() as logs:
        result = await schema().execute("{ a: viewer { id } b: viewer { id } }", context_value=context)
    assert {each.message for each in result.errors or ()} == {"Something went wrong on our side."}
    extensions = {"code": "INTERNAL_SERVER_ERROR", "requestId": context.request_id}
    assert [each.formatted["extensions"] for each in result.errors or ()] == [extensions] * 2
    assert {type(each.original_error) for each in result.errors or ()} == {AttributeError}
    assert [entry["event"] for entry in logs] == ["defect", "defect"]


async def test_introspection_is_graphql_cores_and_federations_schema_runs_on_a_plan(
    graph: Graph, school: RunningSchool
) -> None:
    for document in ("{ __schema { queryType { name } } }", "{ _service { sdl } }"):
        result = await schema().execute(document, context_value=await as_account(graph, school, "teacher"))
        assert result.errors is None
    assert graph.plans.counts.fallbacks == {"introspection": 1}
    assert result.data is not None
    assert "type Classroom" in result.data["_service"]["sdl"]


async def test_what_waits_for_nothing_is_answered_to_who_does_not_wait(graph: Graph) -> None:
    assert schema().execute_sync("{ __typename }", context_value=graph.context(None)).data == {"__typename": "Query"}
    assert schema().execute_sync("{ __typename }").data == {"__typename": "Query"}


async def test_the_setting_holds_in_process_too(school: RunningSchool) -> None:
    graph = Graph(school.services, school.settings.model_copy(update={"execution": "graphql-core"}))
    result = await schema().execute(VIEWER, context_value=await as_account(graph, school, "teacher"))
    assert result.data == {"viewer": {"name": "Maya Lindqvist", "role": "TEACHER"}}
    assert (graph.plans.counts.misses, graph.plans.counts.hits) == (0, 0)


async def test_a_document_that_was_parsed_elsewhere_runs_on_a_plan_that_is_not_kept(
    graph: Graph, school: RunningSchool
) -> None:
    parsed = parse(VIEWER)
    for _ in range(2):
        context = await as_account(graph, school, "teacher")
        result: Any = execute(graphql_schema(), parsed, context_value=context, executor_class=PlannedExecutor)
        assert (await result).data == {"viewer": {"name": "Maya Lindqvist", "role": "TEACHER"}}
    assert (graph.plans.counts.misses, graph.plans.counts.hits) == (2, 0)
    assert graph.documents.kept() == []


class Resolving(SchemaExtension):
    """Looks at each field."""

    seen: ClassVar[Counter[str]] = Counter()

    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        """Count it."""
        self.seen[info.field_name] += 1
        return _next(root, info, *args, **kwargs)


async def test_an_extension_that_looks_at_each_field_is_heard(graph: Graph, school: RunningSchool) -> None:
    with_extension = Schema(
        query=Query,
        mutation=Mutation,
        types=list(NODES),
        extensions=[Resolving],
        execution_context_class=PlannedExecutor,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    result = await with_extension.execute(VIEWER, context_value=await as_account(graph, school, "teacher"))
    assert result.data == {"viewer": {"name": "Maya Lindqvist", "role": "TEACHER"}}
    assert Resolving.seen == {"viewer": 1, "name": 1, "role": 1}
    assert graph.plans.counts.fallbacks == {"an extension resolves fields": 1}


async def test_a_stream_is_followed_on_one_plan(graph: Graph, school: RunningSchool) -> None:
    document = "subscription { storesLive { kind snapshot { stores { name status mode } } } }"
    context = await as_account(graph, school, "student")
    events: Any = await schema().subscribe(document, context_value=context)
    first = await anext(events)
    await events.aclose()
    [name, *_] = first.data["storesLive"]["snapshot"]["stores"]
    assert name == {"name": "postgresql", "status": "OK", "mode": None}
    assert {each.formatted["extensions"]["code"] for each in first.errors} == {"FORBIDDEN"}
    assert (graph.plans.counts.misses, graph.plans.counts.fallbacks) == (1, {})


async def test_without_our_context_the_schema_is_strawberrys_own() -> None:
    refused = await schema().execute("{ viewer ")
    assert [each.formatted for each in refused.errors or ()] == [
        {"message": "Syntax Error: Expected Name, found <EOF>.", "locations": [{"line": 1, "column": 10}]}
    ]
