"""Threats 10 and 11: huge values, and pages of pages. Judged by what variables hold, before any store is asked."""

from __future__ import annotations

from typing import Any

import pytest

from datadir import ledger
from graph.errors import RequestError
from graph.http.envelope import from_json
from tests.limits.attacking import MOST_SECONDS, attacked

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
PAGE = "query ($first: Int) { classrooms(first: $first) { totalCount } }"
FILTER = "query ($filter: ClassroomFilter) { classrooms(filter: $filter) { totalCount } }"


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        (NODES, {"ids": ["x"] * 251}, "LIST_TOO_LONG"),
        (NODES, {"ids": ["x"] * 100_000}, "VARIABLE_LIMIT"),
        ("{ nodes(ids: [" + '"x" ' * 1_900 + "]) { id } }", {}, "LIST_TOO_LONG"),
        (FILTER, {"filter": {"name": {"in": ["x"] * 251}}}, "LIST_TOO_LONG"),
        (FILTER, {"filter": {"and": [{"or": [{"name": {"in": ["x"] * 251}}]}]}}, "LIST_TOO_LONG"),
        (PAGE, {"first": 10**20}, "BAD_USER_INPUT"),
        ("{ classrooms(first: " + "9" * 5_000 + ") { totalCount } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        (PAGE, {"other": "x" * 200_000}, None),
        (NODES, {"ids": ["x" * 200_000]}, "NOT_FOUND"),
    ],
    ids=[
        "ids",
        "many ids",
        "written",
        "in a filter",
        "deep in one",
        "integer",
        "long integer",
        "unused text",
        "long id",
    ],
)
async def test_10_huge_values(document: str, variables: dict[str, Any], code: str | None) -> None:
    found = await attacked(document, variables)
    assert found.codes == ({code} if code else set())
    assert found.seconds < MOST_SECONDS


@pytest.mark.parametrize("value", [b"[" * 20_000 + b"]" * 20_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000])
def test_10_deep_json(value: bytes) -> None:
    body = b'{"query": "{ __typename }", "variables": {"v": ' + value + b"}}"
    with pytest.raises(RequestError) as refused:
        from_json(body)
    assert refused.value.code == "JSON_TOO_DEEP"


def test_10_json_that_is_none() -> None:
    with pytest.raises(RequestError) as refused:
        from_json(b'{"query":')
    assert refused.value.code == "BAD_JSON"


@pytest.mark.parametrize("size", [0, -1, 101, 2**31 - 1])
async def test_11_oversized_pages(size: int) -> None:
    with ledger.kept() as calls:
        assert (await attacked(PAGE, {"first": size})).codes == {"PAGE_SIZE"}
    assert calls.stores == {}


NESTED = """query ($n: Int!) { viewer { classrooms(first: $n) { nodes { members(first: $n) { nodes { user {
    classrooms(first: $n) { nodes { id } } } } } } } } }"""


@pytest.mark.parametrize(("size", "code"), [(5, set()), (21, set()), (22, {"COST_LIMIT"}), (100, {"COST_LIMIT"})])
async def test_11_pages_of_pages(size: int, code: set[str]) -> None:
    found = await attacked(NESTED, {"n": size})
    assert found.codes - {"FORBIDDEN", "NOT_FOUND"} == code
    if code:
        records = size + size**2 + size**3
        assert found.messages == [
            f"The pages of this operation hold up to {records:,} records; at most 10,000 are given."
        ]


async def test_11_lists_that_nobody_sized_are_paid_for() -> None:
    document = """{ viewer { classrooms(first: 30) { nodes { members(first: 100) { nodes { user {
        engagement(days: 90) { date totalTimeMinutes } } } } } } } }"""
    found = await attacked(document)
    assert found.codes == {"COST_LIMIT"}
    assert found.body["extensions"]["cost"]["limit"] == 20_000
    assert found.body["extensions"]["cost"]["stores"]["cassandra"] == {"calls": 1, "rows": 30 * 100 * 90}
    assert "data" not in found.body
