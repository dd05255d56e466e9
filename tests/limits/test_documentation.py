"""Does docs/limits.md say what the program does: each setting, its default, its code, and what an answer costs?"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from graph.limits.bounds import Limits, by_role
from graph.limits.guard import RULES
from graph.limits_settings import LimitsSettings
from graph.settings import Settings
from tests.limits.attacking import attacked

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
ROWS = {
    name: (default, code.strip("` "))
    for name, default, code in re.findall(r"^\| `STUDYGRAPH_(LIMIT_\w+)` \| `([^`]+)` \| ([^|]*)\|", PAGE, re.MULTILINE)
}


def test_each_limit_has_its_row_with_its_default() -> None:
    assert {name: row[0] for name, row in ROWS.items()} == {
        name.upper(): str(field.default) for name, field in LimitsSettings.model_fields.items()
    }


def test_each_setting_is_a_limit_of_every_role_and_each_limit_a_setting() -> None:
    assert {f"limit_{field.name}" for field in fields(Limits)} == set(LimitsSettings.model_fields)
    limits = by_role(Settings())
    assert limits["student"].budget == limits["anonymous"].budget == 300_000
    assert (limits["teacher"].budget, limits["admin"].budget, limits["service"].budget) == (600_000, 10**6, 2 * 10**6)


def test_each_code_of_the_guard_has_a_row_or_a_sentence() -> None:
    assert {code for _, code in RULES} | {"PAGE_SIZE", "COST_LIMIT", "RATE_LIMITED"} <= set(
        re.findall(r"`([A-Z_]+)`", PAGE)
    )


@pytest.mark.parametrize("role", ["student", "admin"])
def test_a_role_may_have_a_number_of_its_own(role: str) -> None:
    assert by_role(Settings(limit_depth="10 admin=20"))[role].depth == (20 if role == "admin" else 10)


@pytest.mark.parametrize("written", ["", "ten", "-1", "10 pupil=5", "10,admin=5", "10 admin", "admin=5", "1.5"])
def test_anything_else_is_no_limit(written: str) -> None:
    with pytest.raises(ValueError, match="must be a whole number, and after it those of roles"):
        Settings(limit_depth=written)


async def test_the_example_is_what_is_answered() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    found = await attacked('{ classroom(id: "x") { name } }')
    assert found.body["extensions"] == json.loads(example)["extensions"]
