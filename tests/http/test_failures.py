"""What leaves the server of a failure? The expected ones as they are, the unexpected masked and logged once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    graphql_sync,
)
from structlog.testing import capture_logs

from datadir.errors import Conflict, StoreTimeout, StoreUnavailable
from datadir.names import StoreName
from graph.app import Graph
from graph.errors import formatted
from graph.http.envelope import Envelope
from loaders.cursor import InvalidCursor
from resolvers.errors import Forbidden, NotFound
from tests.http.refusals import alone, refusal
from tests.running_school import RunningSchool

LOG_IN = {
    "query": "mutation ($input: LogInInput!) { logIn(input: $input) { accessToken } }",
    "variables": {"input": {"email": "nobody@demo.school", "password": "wrong password"}},
}
MASKED = "Something went wrong on our side."


def shown(*causes: BaseException) -> tuple[list[dict[str, Any]], list[Any]]:
    """What the client and the log see of failures at the fields a, b, ..."""
    errors = [
        GraphQLError(str(cause), path=[name], original_error=cause)  # type: ignore[arg-type]
        for name, cause in zip("abc", causes, strict=False)
    ]
    with capture_logs() as logs:
        return formatted(errors, "r1"), [entry for entry in logs if entry["event"] == "defect"]


@pytest.mark.parametrize(
    ("cause", "message", "extensions"),
    [
        (NotFound(), "There is no such record, or it is not yours to see.", {"code": "NOT_FOUND"}),
        (Forbidden(), "Your role in this classroom or account may not read this.", {"code": "FORBIDDEN"}),
        (InvalidCursor(), "This cursor does not belong to this list and order.", {"code": "BAD_CURSOR"}),
        (
            StoreUnavailable(StoreName.QDRANT, "connection to 10.0.0.5 refused"),
            "The store qdrant does not answer at the moment.",
            {"code": "STORE_UNAVAILABLE", "store": "qdrant"},
        ),
        (
            StoreTimeout(StoreName.REDIS),
            "The store redis does not answer at the moment.",
            {"code": "STORE_UNAVAILABLE", "store": "redis"},
        ),
        (RecursionError("maximum recursion depth"), "The document is nested too deep.", {"code": "DEPTH_LIMIT"}),
    ],
)
def test_an_expected_failure_is_told_and_not_logged(cause: Exception, message: str, extensions: dict[str, str]) -> None:
    errors, logged = shown(cause)
    assert errors == [{"message": message, "path": ["a"], "extensions": extensions}]
    assert logged == []


@pytest.mark.parametrize(
    "cause",
    [
        ValueError("password=hunter2"),
        KeyError("users"),
        Conflict(StoreName.POSTGRESQL, "users_email_key"),
        GraphQLError("Expected value of type 'User' but got: <UserRecord hunter2>."),
    ],
)
def test_a_defect_is_masked_and_logged(cause: Exception) -> None:
    errors, logged = shown(cause)
    extensions = {"code": "INTERNAL_SERVER_ERROR", "requestId": "r1"}
    assert errors == [{"message": MASKED, "path": ["a"], "extensions": extensions}]
    assert [(entry["request_id"], entry["exc_info"]) for entry in logged] == [("r1", cause)]


def test_one_defect_in_many_places_is_logged_once() -> None:
    batch = RuntimeError("the batch failed")
    errors, logged = shown(batch, batch, ValueError("another"))
    assert [error["message"] for error in errors] == [MASKED] * 3
    assert [type(entry["exc_info"]) for entry in logged] == [RuntimeError, ValueError]


def test_of_graphql_cores_own_words_only_those_about_an_argument_are_told() -> None:
    query = GraphQLObjectType(
        "Query",
        {
            "large": GraphQLField(GraphQLInt, resolve=lambda *_: 2**40),
            "absent": GraphQLField(GraphQLNonNull(GraphQLString), resolve=lambda *_: None),
            "add": GraphQLField(
                GraphQLInt,
                args={"n": GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=1)},
                resolve=lambda *_, n: n,
            ),
        },
    )
    schema = GraphQLSchema(query)

    def codes(document: str) -> list[str]:
        result = graphql_sync(schema, document, variable_values={"n": None})
        return [error["extensions"]["code"] for error in formatted(result.errors or [], "r1")]

    with capture_logs():
        assert codes("{ large }") == ["INTERNAL_SERVER_ERROR"]
        assert codes("{ absent }") == ["INTERNAL_SERVER_ERROR"]
        assert codes("query ($n: Int) { add(n: $n) }") == ["BAD_USER_INPUT"]


async def test_an_operation_never_raises(school: RunningSchool) -> None:
    graph = Graph(replace(school.services, tokens=None), school.settings)  # type: ignore[arg-type]
    with capture_logs() as logs:
        answer = await graph.answer(Envelope("{ viewer { id } }"), authorization="Bearer x")
    assert answer.status == 500
    (error,) = answer.body["errors"]
    assert (error["message"], error["extensions"]["code"]) == (MASKED, "INTERNAL_SERVER_ERROR")
    defect, operation = (entry for entry in logs if entry["event"] in ("defect", "operation"))
    assert defect["request_id"] == operation["request_id"] == error["extensions"]["requestId"]


async def test_a_store_that_is_down_at_the_preamble_is_503_under_either_type(
    school: RunningSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: Any) -> None:
        raise StoreUnavailable(StoreName.REDIS)

    token = await school.token("teacher")
    monkeypatch.setattr(type(school.services.stores.redis.script("return 1")), "__call__", down)
    for accept in ("application/json", "application/graphql-response+json"):
        headers = {"authorization": f"Bearer {token}", "accept": accept}
        # A mutation: a session that was seen alive lately may still read.
        response = await school.http.post("/graphql", json=LOG_IN, headers=headers)
        assert response.status_code == 503
        assert refusal(response)[:2] == ("STORE_UNAVAILABLE", "The store redis does not answer at the moment.")


async def test_a_defect_of_the_endpoint_itself_is_json_with_a_code() -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("hunter2")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b'{"query": "{ a }"}', "more_body": False}

    endpoint = alone()
    endpoint.answer = broken
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    with capture_logs() as logs:
        await endpoint(scope, receive, send)
    assert sent[0]["status"] == 500
    assert dict(sent[0]["headers"])[b"content-type"].startswith(b"application/json")
    assert b"INTERNAL_SERVER_ERROR" in sent[1]["body"]
    assert b"hunter2" not in sent[1]["body"]
    assert [entry["event"] for entry in logs] == ["defect"]


async def test_the_log_has_one_line_an_operation_and_nothing_that_was_sent(school: RunningSchool) -> None:
    query = "mutation Enter($input: LogInInput!) { logIn(input: $input) { errors { code } } }"
    with capture_logs() as logs:
        await school.post(query, {"input": {"email": "nobody@demo.school", "password": "hunter2"}})
    (line,) = [entry for entry in logs if entry["event"] == "operation"]
    assert (line["name"], line["status"], line["errors"]) == ("Enter", 200, 0)
    assert not [word for word in ("hunter2", "nobody", "logIn") if word in repr(logs)]
    unknown = {"query": "{ __typename }", "operationName": "hunter2"}
    with capture_logs() as logs:
        await school.http.post("/graphql", json=unknown)
    assert [entry["name"] for entry in logs if entry["event"] == "operation"] == [None]
