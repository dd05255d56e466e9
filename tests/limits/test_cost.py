"""Does an operation cost what docs/limits.md says, by the values of its variables, and is the dear one refused?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.corpus.served import NOBODY
from tests.limits.attacking import attacked, school

PAGES = """query ($n: Int, $all: Boolean! = true) { viewer { classrooms(first: $n) {
    nodes { id teacher @include(if: $all) { id name } } } } }"""


async def cost(document: str, variables: dict[str, Any] | None = None, viewer: str = "teacher") -> Any:
    """What an answer says it cost."""
    return (await attacked(document, variables, viewer)).body["extensions"]["cost"]


@pytest.mark.parametrize(
    ("document", "requested"),
    [
        ("{ __typename }", 1),  # a value, rounded up
        ("{ viewer { id } }", 12),  # a call, an object, a value
        ("{ viewer { id name email } }", 12),
        ("{ viewer { " + " ".join(f"a{n}: id" for n in range(11)) + " } }", 13),
        ("{ a: viewer { id } b: viewer { id } }", 23),
        ("{ stores { name } }", 9),  # no call: 1, and seven objects of one value
        ("{ viewer { engagement { date } } }", 37),  # two calls, 1, and 14 days of 1.1
        ("{ viewer { engagement(days: 90) { date } } }", 120),
        ("{ classrooms { nodes { id } } }", 33),  # a call, the page, 20 records of 1.1
        ("{ classrooms(first: 5) { edges { node { id } } } }", 22),  # 5 edges and 5 records
        ("{ classrooms(last: 1) { totalCount } }", 22),  # two calls, the page, a value
        ("{ __schema { types { name } } }", 1_000),
    ],
)
async def test_what_costs_how_much(document: str, requested: int) -> None:
    assert (await cost(document))["requested"] == requested


async def test_it_follows_the_values_of_variables() -> None:
    prices = [(await cost(PAGES, {"n": n}))["requested"] for n in (1, 2, 100)]
    assert prices == [35, 37, 262]
    assert (await cost(PAGES))["requested"] == (await cost(PAGES, {"n": 20}))["requested"]


async def test_a_list_of_ids_is_as_long_as_it_is_given() -> None:
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    three, thirteen = [(await cost(document, {"ids": ["x"] * count}))["requested"] for count in (3, 13)]
    assert thirteen - three == 11
    assert (await cost('{ nodes(ids: ["x", "y", "z"]) { id } }'))["requested"] == three


async def test_what_is_left_out_costs_nothing() -> None:
    with_teachers, without = [await cost(PAGES, {"n": 10, "all": each}) for each in (True, False)]
    assert with_teachers["requested"] - without["requested"] == 10 + 12
    assert (with_teachers["stores"]["postgresql"]["calls"], without["stores"]["postgresql"]["calls"]) == (3, 2)


async def test_it_is_said_by_store_in_calls_and_rows() -> None:
    found = await cost(PAGES, {"n": 30})
    assert found == {
        "requested": 101,
        "limit": 20_000,
        "stores": {"postgresql": {"calls": 3, "rows": 61}, "redis": {"calls": 1, "rows": 0}},
    }


async def test_nobody_has_no_session_to_read() -> None:
    assert (await cost("{ stores { name } }", viewer=NOBODY))["stores"] == {}
    assert (await cost("{ stores { name } }"))["stores"] == {"redis": {"calls": 1, "rows": 0}}


async def test_what_costs_more_than_it_may_is_refused_before_it_is_executed() -> None:
    dear = school(limit_cost="100 admin=101")
    for viewer, codes in (("teacher", {"COST_LIMIT"}), ("admin", set())):
        found = await attacked(PAGES, {"n": 30}, viewer, by=dear)
        assert found.codes - {"NOT_FOUND", "FORBIDDEN"} == codes
        assert found.body["extensions"]["cost"]["requested"] == 101
        assert ("data" in found.body) == (not codes)
    assert (await attacked(PAGES, {"n": 30}, by=dear)).messages == [
        "This operation would cost 101; at most 100 is taken."
    ]
