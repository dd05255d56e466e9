"""Is a request that is no GraphQL request refused in words, with the right status, and never a 5xx?"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

import httpx
import pytest
from starlette.types import Message

from graph.errors import RequestError
from graph.http.envelope import LARGEST_BODY, from_json
from tests.http.refusals import alone, refusal
from tests.running_school import RunningSchool

JSON = {"content-type": "application/json"}
FINE = b'{"query": "{ __typename }"}'


async def sent(school: RunningSchool, body: bytes, **headers: str) -> httpx.Response:
    return await school.http.post("/graphql", content=body, headers={**JSON, **headers})


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "BAD_REQUEST", "The body is empty: send a JSON object with `query`."),
        (b" \n", "BAD_REQUEST", "The body is empty: send a JSON object with `query`."),
        (b"null", "BAD_REQUEST", "The body is a JSON object with `query`."),
        (b"5", "BAD_REQUEST", "The body is a JSON object with `query`."),
        (b'"x"', "BAD_REQUEST", "The body is a JSON object with `query`."),
        (b"true", "BAD_REQUEST", "The body is a JSON object with `query`."),
        (b"[]", "BAD_REQUEST", "The batch is empty: send an operation."),
        (b"[5]", "BAD_REQUEST", "The body is a JSON object with `query`."),
        (b"[" + FINE + b", null]", "BAD_REQUEST", "The body is a JSON object with `query`."),
        (b"[[" + FINE + b"]]", "BAD_REQUEST", "The body is a JSON object with `query`."),
        (b"[" + b",".join([FINE] * 11) + b"]", "BATCH_NOT_ALLOWED", "A request holds at most 10 operations."),
        (b"{}", "BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document."),
        (b'{"query": null}', "BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document."),
        (b'{"query": ""}', "BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document."),
        (b'{"query": ["{a}"]}', "BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document."),
        (b'{"query": "{a}", "variables": []}', "BAD_REQUEST", "`variables` is an object."),
        (b'{"query": "{a}", "variables": "{}"}', "BAD_REQUEST", "`variables` is an object."),
        (b'{"query": "{a}", "operationName": 5}', "BAD_REQUEST", "`operationName` is a text."),
        (b'{"query": "{a}", "operationName": {}}', "BAD_REQUEST", "`operationName` is a text."),
        (b'{"query": "{a}", "extensions": "x"}', "BAD_REQUEST", "`extensions` is an object."),
        (b'{"query": "{a}", "extensions": []}', "BAD_REQUEST", "`extensions` is an object."),
        (b'{"query": "{a}"', "BAD_JSON", "The body is not JSON: "),
        (b'{"query": "{a}\xff"}', "BAD_JSON", "The body is not JSON: "),
        (b'\xef\xbb\xbf{"query": "{a}"}', "BAD_JSON", "The body is not JSON: "),
        ('{"query": "{a}"}'.encode("utf-16"), "BAD_JSON", "The body is not JSON: "),
        (b'{"query": "{a}", "variables": {"n": NaN}}', "BAD_JSON", "The body is not JSON: "),
        (b'{"query": "{a}", "variables": {"n": Infinity}}', "BAD_JSON", "The body is not JSON: "),
        (b'{"query": "{a}", "variables": {"n": ' + b"9" * 5000 + b"}}", "BAD_JSON", "The body is not JSON: "),
        (b'{"query": "{a}", "variables": {"n": "\\ud800"}}', "BAD_JSON", "The body is not JSON: "),
        (b'{"query": "\\udfff"}', "BAD_JSON", "The body is not JSON: "),
        (b'{"query": "{a}\x00"}', "BAD_JSON", "The body is not JSON: "),
        (b"[" * 50_000 + b"]" * 50_000, "JSON_TOO_DEEP", "JSON is nested at most 30 deep."),
        (b'{"a":' * 40_000, "JSON_TOO_DEEP", "JSON is nested at most 30 deep."),
    ],
)
async def test_a_malformed_body_is_refused(school: RunningSchool, body: bytes, code: str, message: str) -> None:
    response = await sent(school, body)
    assert response.status_code == 400
    found = refusal(response)
    assert found.code == code
    assert found.message.startswith(message)


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_malformed_body_is_400_whatever_is_accepted(school: RunningSchool, accept: str) -> None:
    response = await sent(school, b"null", accept=accept)
    assert response.status_code == 400
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"


def test_brackets_in_texts_are_not_depth() -> None:
    document = "{ __typename } #" + "[{" * 1000 + '\\"' * 10
    assert from_json(json.dumps({"query": document}).encode()).document == document


def test_json_may_be_thirty_deep_and_no_deeper() -> None:
    def nested(depth: int) -> bytes:
        variables: Any = {}
        for _ in range(depth - 2):
            variables = {"a": variables}
        return json.dumps({"query": "{a}", "variables": variables, "padding": [[]] * 40}).encode()

    assert from_json(nested(30)).variables
    with pytest.raises(RequestError, match="nested at most 30 deep"):
        from_json(nested(31))


@pytest.mark.parametrize("part", [b'\\"', b'"', b"\\", b'"\\', b'["]', b"]["])
def test_no_body_is_slow_to_measure(part: bytes) -> None:
    body = b"[" * 31 + b'"' + part * (250_000 // len(part))
    started = perf_counter()
    with pytest.raises(RequestError):
        from_json(body)
    # A quarter of a megabyte: some milliseconds where each byte is looked at once, minutes where it is not.
    assert perf_counter() - started < 2


async def test_what_is_null_or_unknown_in_the_envelope_is_as_if_left_out(school: RunningSchool) -> None:
    body = {"query": "{ __typename }", "variables": None, "operationName": None, "extensions": None, "id": 1}
    response = await school.http.post("/graphql", json=body)
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_body_at_the_limit_is_read_and_one_beyond_it_is_not(school: RunningSchool) -> None:
    def padded(size: int) -> bytes:
        return FINE + b" " * (size - len(FINE))

    assert (await sent(school, padded(LARGEST_BODY))).status_code == 200
    response = await sent(school, padded(LARGEST_BODY + 1))
    assert response.status_code == 413
    assert refusal(response)[:2] == ("BODY_TOO_LARGE", "A request holds at most 262,144 bytes.")


async def test_a_chunked_body_is_counted_while_it_is_read(school: RunningSchool) -> None:
    taken = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b" " * 10_000

    response = await school.http.post("/graphql", content=parts(), headers=JSON)
    assert response.status_code == 413
    assert refusal(response).code == "BODY_TOO_LARGE"
    assert taken < 1000


async def test_a_client_that_goes_away_within_its_body_gets_no_answer_and_leaves_no_defect() -> None:
    answered: list[Message] = []
    endpoint = alone()
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        answered.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    await endpoint(scope, receive, send)
    assert answered == []


@pytest.mark.parametrize(
    "kind", ["", "application/graphql", "text/plain", "multipart/mixed; boundary=x", "application/jsonx"]
)
async def test_another_media_type_is_415_and_says_which_is_taken(school: RunningSchool, kind: str) -> None:
    response = await school.http.post("/graphql", content=FINE, headers={"content-type": kind})
    assert response.status_code == 415
    assert response.headers["accept"] == "application/json"
    assert refusal(response)[:2] == ("UNSUPPORTED_MEDIA_TYPE", "Send application/json.")


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON", "application/json ; charset=utf-8"])
async def test_json_is_taken_however_it_is_written(school: RunningSchool, kind: str) -> None:
    assert (await school.http.post("/graphql", content=FINE, headers={"content-type": kind})).status_code == 200


async def test_a_compressed_body_is_415(school: RunningSchool) -> None:
    response = await sent(school, gzip.compress(FINE), **{"content-encoding": "gzip"})
    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"
    assert refusal(response)[:2] == ("UNSUPPORTED_ENCODING", "Send the body uncompressed.")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_another_method_is_405_and_says_which_are_taken(school: RunningSchool, method: str) -> None:
    response = await school.http.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"
    assert refusal(response)[:2] == ("METHOD_NOT_ALLOWED", "Ask by POST or GET.")


async def test_get_answers_a_query_with_its_variables(school: RunningSchool) -> None:
    query = "query Q($yes: Boolean!) { __typename @include(if: $yes) } query R { __typename }"
    asked = {"query": query, "variables": '{"yes": true}', "operationName": "Q", "extensions": "{}"}
    response = await school.http.get("/graphql", params=asked)
    assert (response.status_code, response.json()) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({}, "BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document."),
        ({"query": ""}, "BAD_REQUEST", "`query` is missing: it is the text of a GraphQL document."),
        ({"query": "{a}", "variables": "{"}, "BAD_JSON", "`variables` is not JSON: "),
        ({"query": "{a}", "variables": "[]"}, "BAD_REQUEST", "`variables` is an object."),
        ({"query": "{a}", "variables": "[" * 5_000}, "JSON_TOO_DEEP", "JSON is nested at most 30 deep."),
        ({"query": "{a}", "extensions": "5"}, "BAD_REQUEST", "`extensions` is an object."),
    ],
)
async def test_a_malformed_get_is_refused(
    school: RunningSchool, asked: dict[str, str], code: str, message: str
) -> None:
    response = await school.http.get("/graphql", params=asked)
    assert response.status_code == 400
    found = refusal(response)
    assert found.code == code
    assert found.message.startswith(message)


async def test_a_query_string_that_is_no_utf_8_is_a_syntax_error(school: RunningSchool) -> None:
    response = await school.http.get("/graphql?query=%7B__typename%ff%7D")
    assert refusal(response).code == "GRAPHQL_PARSE_FAILED"


async def test_a_mutation_by_get_is_405_and_is_not_run(school: RunningSchool) -> None:
    query = 'mutation { logIn(input: { email: "teacher@demo.school", password: "x" }) { errors { code } } }'
    response = await school.http.get("/graphql", params={"query": query})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert refusal(response)[:2] == ("METHOD_NOT_ALLOWED", "GET answers queries alone: send this by POST.")
