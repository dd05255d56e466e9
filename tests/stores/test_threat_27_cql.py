"""Can a text that somebody sends become CQL, or make the series scan? (threat 27)

Whole keys and page tokens on each store: `series_contract.py`.
"""

from __future__ import annotations

import ast
import re
from itertools import product
from typing import Any

import pytest

from datadir.cassandra import cql
from datadir.cassandra.tables import TABLES
from tests.event_loop import ROOT
from tests.http.refusals import refusals
from tests.running_school import RunningSchool

VERB = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|BATCH)\b")
DAYS = "query ($days: Int!) { viewer { engagement(days: $days) { date } } }"


@pytest.mark.parametrize(
    "days", ["14; DROP TABLE events", "14' OR 'a'='a", "14 ALLOW FILTERING", [14], {"$gt": 0}, 14.5]
)
async def test_what_is_no_number_of_days_is_refused_before_any_store_is_asked(school: RunningSchool, days: Any) -> None:
    answer = await school.post(DAYS, {"days": days}, "student", x_studygraph_ledger="1")
    assert {each.code for each in refusals(answer)} == {"BAD_USER_INPUT"}
    assert "cassandra" not in answer.json().get("extensions", {}).get("ledger", {})


@pytest.mark.parametrize("days", [0, -1, 91])
async def test_more_than_a_season_is_refused_before_the_series_are_asked(school: RunningSchool, days: int) -> None:
    answer = await school.post(DAYS, {"days": days}, "student", x_studygraph_ledger="1")
    assert [each.code for each in refusals(answer)] == ["BAD_USER_INPUT"]
    assert "cassandra" not in answer.json()["extensions"]["ledger"]


def test_every_statement_binds_a_whole_partition_key_and_nothing_else() -> None:
    for table in TABLES:
        whole = " AND ".join(f"{column.name} = ?" for column in table.partition)
        for lower, upper in product((False, True), repeat=2):
            read = cql.select(table, "analytics", lower=lower, upper=upper)
            assert read.partition(" WHERE ")[2].startswith(whole)
            assert no_value_in(read)
        write = cql.increment(table, "analytics") if table.counter else cql.insert(table, "analytics")
        assert all(column.name in write for column in table.key)
        assert no_value_in(write)


def no_value_in(statement: str) -> bool:
    """Whether values come as parameters alone, and the statement asks for no scan."""
    return not re.search(r"'|\bIN\b|ALLOW FILTERING|token\(|= [^?]*\d", statement)


def test_statements_are_made_in_one_place() -> None:
    """What else is said in CQL is one question that has no argument."""
    said = []
    for file in sorted((ROOT / "datadir" / "cassandra").glob("*.py")):
        if file.name not in ("cql.py", "embedded.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and VERB.match(node.value):
                    said.append(node.value)
    assert said == ["SELECT release_version FROM system.local"]
