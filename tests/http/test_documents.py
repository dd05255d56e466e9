"""Is a document that cannot be answered refused with the code of what is wrong with it?"""

from __future__ import annotations

import pytest

from tests.http.refusals import refusal, refusals
from tests.running_school import RunningSchool

THREE_LEVELS = "classrooms { nodes { teacher { "


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ("{", "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
        ("{ }", "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found '}'."),
        ("{ viewer { } }", "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found '}'."),
        ("# nothing", "GRAPHQL_PARSE_FAILED", "Syntax Error: Unexpected <EOF>."),
        ("{ node(id: 'x') { id } }", "GRAPHQL_PARSE_FAILED", "Syntax Error: Unexpected single quote"),
        ('{ node(id: "\\ud800") { id } }', "GRAPHQL_PARSE_FAILED", "Syntax Error: Invalid Unicode escape sequence"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nope' on type 'Query'."),
        ("{ viewer }", "GRAPHQL_VALIDATION_FAILED", "Field 'viewer' of type 'User' must have a selection"),
        ("{ viewer { id { x } } }", "GRAPHQL_VALIDATION_FAILED", "Field 'id' must not have a selection"),
        (
            "{ classroom { id } }",
            "GRAPHQL_VALIDATION_FAILED",
            "Argument 'Query.classroom(id:)' of type 'ID!' is required",
        ),
        ("{ viewer(x: 1) { id } }", "GRAPHQL_VALIDATION_FAILED", "Unknown argument 'x' on field 'Query.viewer'."),
        ("{ node(id: $id) { id } }", "GRAPHQL_VALIDATION_FAILED", "Variable '$id' is not defined."),
        ("query ($a: Int) { __typename }", "GRAPHQL_VALIDATION_FAILED", "Variable '$a' is never used."),
        ("{ ...Missing }", "GRAPHQL_VALIDATION_FAILED", "Unknown fragment 'Missing'."),
        ("{ classrooms(first: 1.5) { totalCount } }", "GRAPHQL_VALIDATION_FAILED", "Int cannot represent"),
        (
            "{ viewer { ...A } } fragment A on User { ...B } fragment B on User { ...A }",
            "FRAGMENT_CYCLE",
            "Cannot spread fragment 'A' within itself via 'B'.",
        ),
        (
            "subscription { nothing }",
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field 'nothing' on type 'Subscription'.",
        ),
        (
            "subscription { storesLive @skip(if: true) { kind } }",
            "GRAPHQL_VALIDATION_FAILED",
            "Anonymous Subscription must not use `@skip` or `@include` directives in the top level selection.",
        ),
        (
            "subscription { storesLive { kind } }",
            "BAD_REQUEST",
            "A subscription is a stream: this request takes one answer.",
        ),
        (
            "{ __typename } type Mine { id: ID }",
            "GRAPHQL_VALIDATION_FAILED",
            "The 'Mine' definition is not executable.",
        ),
        (
            "{ __typename } query A { __typename }",
            "GRAPHQL_VALIDATION_FAILED",
            "This anonymous operation must be the only defined operation.",
        ),
        ("fragment F on User { id }", "OPERATION_RESOLUTION_FAILURE", "The document holds no operation."),
        ("type Mine { id: ID }", "OPERATION_RESOLUTION_FAILURE", "The document holds no operation."),
        (
            "query A { __typename } query B { __typename }",
            "OPERATION_RESOLUTION_FAILURE",
            "The document holds several operations: say which by `operationName`.",
        ),
        ("{ " + "a " * 2000 + "}", "TOKEN_LIMIT", "Syntax Error: Document contains more than 2000 tokens."),
        ("{ a " * 400 + "}" * 400, "DEPTH_LIMIT", "Syntax Error: Document is nested too deeply."),
        ("{ nodes(ids: " + "[" * 900 + "]" * 900 + ") { id } }", "DEPTH_LIMIT", "Syntax Error: Document is nested"),
        ('{ node(id: "a\\u0000") { id } }', "BAD_USER_INPUT", "A text cannot hold the character U+0000."),
        ('{ node(id: """a\x00""") { id } }', "BAD_USER_INPUT", "A text cannot hold the character U+0000."),
    ],
)
async def test_a_wrong_document_is_refused(school: RunningSchool, document: str, code: str, message: str) -> None:
    response = await school.post(document, None, "teacher", accept="application/graphql-response+json")
    assert response.status_code == 400
    found = refusal(response)
    assert found.code == code
    assert found.message.startswith(message)


async def test_an_operation_is_chosen_by_its_name(school: RunningSchool) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    response = await school.http.post("/graphql", json={"query": document, "operationName": "B"})
    assert response.json() == {"data": {"b": "Query"}}


@pytest.mark.parametrize("name", ["C", "a", "A ", "x" * 100_000, "\U0001f600"])
async def test_an_unknown_operation_name_is_refused_and_not_repeated(school: RunningSchool, name: str) -> None:
    document = {"query": "query A { a: __typename }", "operationName": name}
    response = await school.http.post("/graphql", json=document)
    assert refusal(response)[:2] == (
        "OPERATION_RESOLUTION_FAILURE",
        "The document holds no operation of this name.",
    )


async def test_at_most_twenty_errors_are_told(school: RunningSchool) -> None:
    response = await school.post("{ viewer { " + " ".join(f"x{number}" for number in range(400)) + " } }")
    found = refusals(response)
    assert len(found) == 20
    assert {each.code for each in found} == {"GRAPHQL_VALIDATION_FAILED"}


async def test_fields_nest_ten_levels_and_no_deeper(school: RunningSchool) -> None:
    def nested(levels: int) -> str:
        return "{ viewer { " + THREE_LEVELS * (levels // 3) + "id" + " } } }" * (levels // 3) + " } }"

    fine = await school.post(nested(6), None, "teacher")
    assert fine.json().keys() == {"data"}
    assert fine.text.count(school.ids["teacher"]) == 1
    for levels in (9, 60, 180, 198):
        assert refusal(await school.post(nested(levels), None, "teacher"))[:2] == (
            "DEPTH_LIMIT",
            "Fields are nested at most 10 deep.",
        )


async def test_depth_is_measured_through_fragments_and_each_once(school: RunningSchool) -> None:
    def chain(length: int, spreads: str) -> str:
        links = (
            f"fragment F{n} on User {{ {THREE_LEVELS} {spreads.replace('F', f'F{n + 1}')} }} }} }} }} "
            for n in range(length)
        )
        return "{ viewer { ...F0 } } " + "".join(links) + f"fragment F{length} on User {{ id }}"

    assert (await school.post(chain(2, "...F"), None, "teacher")).json().keys() == {"data"}
    for document in (chain(3, "...F"), chain(30, "...F ... { ...F }"), chain(100, "...F")):
        assert refusal(await school.post(document, None, "teacher"))[:2] == (
            "DEPTH_LIMIT",
            "Fields are nested at most 10 deep.",
        )


async def test_what_is_skipped_or_of_another_type_leaves_an_empty_object(school: RunningSchool) -> None:
    query = "query ($id: ID!) { node(id: $id) { ... on Classroom { name } } viewer { id @skip(if: true) } }"
    answer = await school.ask(query, {"id": school.ids["student"]})
    assert answer["data"] == {"node": {}, "viewer": {}}
