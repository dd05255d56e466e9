"""Threats 5 to 7: floods of directives, errors, equal fields and operations. Validation stays short."""

from __future__ import annotations

import pytest

from graph.errors import RequestError
from graph.http.envelope import from_json
from tests.limits.attacking import MOST_SECONDS, attacked


@pytest.mark.parametrize(
    "document",
    [
        "{ viewer { id " + "@skip(if: false) " * 250 + "} }",
        "{ viewer { id " + "@nothing " * 900 + "} }",
        "query " + "@nothing " * 900 + "{ viewer { id } }",
        "{ viewer { ...A } } fragment A on User { ... " + "@include(if: true) " * 21 + "{ id } }",
    ],
    ids=["of ours", "unknown", "on the operation", "in a fragment"],
)
async def test_05_directive_flood(document: str) -> None:
    found = await attacked(document)
    assert found.codes == {"TOO_MANY_DIRECTIVES"}
    assert found.seconds < MOST_SECONDS


@pytest.mark.parametrize(
    "document",
    [
        "{ viewer { " + " ".join(f"x{number}" for number in range(480)) + " } }",
        "{ viewer { id " + " ".join(f"...F{number}" for number in range(400)) + " } }",
        "query (" + " ".join(f"$a{number}: Nope" for number in range(50)) + ") { viewer { id } }",
        "{ viewer { engagement(" + " ".join(f"x{number}: 1" for number in range(400)) + ") { date } } }",
    ],
    ids=["fields", "fragments", "variables", "arguments"],
)
async def test_05_error_flood(document: str) -> None:
    found = await attacked(document)
    assert found.codes == {"GRAPHQL_VALIDATION_FAILED"}
    assert 1 <= len(found.messages) <= 20
    assert found.seconds < MOST_SECONDS


async def test_05_flood_of_errors_in_variables() -> None:
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    found = await attacked(document, {"ids": [True] * 250})
    assert found.codes == {"BAD_USER_INPUT"}
    assert len(found.messages) <= 20


@pytest.mark.parametrize(
    "document",
    [
        "{ viewer { " + "id " * 1_990 + "} }",
        "{ viewer { " + "classrooms { nodes { id } } " * 190 + "} }",
        "{ viewer { " + "... { id } " * 240 + "} }",
        "{ viewer { ...A ...B } } fragment A on User { "
        + "id " * 240
        + "} fragment B on User { "
        + "name " * 240
        + "}",
        "{ viewer { id } } fragment Unused on User { " + "id " * 1_900 + "}",
    ],
    ids=["fields", "trees", "inline fragments", "fragments", "unused"],
)
async def test_06_overlapping_fields(document: str) -> None:
    found = await attacked(document)
    assert found.codes == {"TOO_MANY_SELECTIONS"}
    assert found.seconds < MOST_SECONDS


async def test_06_what_is_just_taken_is_validated_in_no_time() -> None:
    found = await attacked("{ viewer { " + "classrooms { nodes { id } } " * 36 + "} }")
    assert found.codes == set()
    assert found.seconds < MOST_SECONDS


async def test_07_many_operations() -> None:
    document = " ".join(f"query Q{number} {{ __typename }}" for number in range(300))
    found = await attacked(document, name="Q0")
    assert found.codes == {"OPERATION_RESOLUTION_FAILURE"}
    assert found.seconds < MOST_SECONDS


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ("query A { __typename } query B { __typename }", None),
        ("query A { __typename } query B { __typename }", "C"),
        ("query A { __typename }", "B"),
        ("fragment F on User { id }", None),
    ],
)
async def test_07_ambiguous_operation(document: str, name: str | None) -> None:
    assert (await attacked(document, name=name)).codes == {"OPERATION_RESOLUTION_FAILURE"}


def test_07_batches_beyond_the_setting() -> None:
    batch = b"[" + b",".join([b'{"query": "{ __typename }"}'] * 1_000) + b"]"
    with pytest.raises(RequestError) as refused:
        from_json(batch, 10)
    assert (refused.value.code, refused.value.status) == ("BATCH_NOT_ALLOWED", 400)
