"""Has an operation at most 15 aliases, those of a fragment as often as it is spread?"""

from __future__ import annotations

from tests.limits.judging import codes, measures, sentence


def aliases(count: int) -> str:
    """So many fields with an alias."""
    return " ".join(f"a{number}: a" for number in range(count))


def test_fifteen_aliases_are_taken_and_sixteen_are_not() -> None:
    assert codes(f"{{ {aliases(15)} }}") == set()
    assert codes(f"{{ {aliases(16)} }}") == {"ALIAS_LIMIT"}
    assert sentence(f"{{ {aliases(16)} }}") == "An operation has at most 15 aliases."


def test_aliases_count_on_every_level_and_in_each_spread() -> None:
    assert codes(f"{{ a {{ {aliases(8)} }} b {{ {aliases(8)} }} }}") == {"ALIAS_LIMIT"}
    spread = "{ a { ...F } b { ...F } c { ...F } } fragment F on Q { x: a y: b z: c ... { u: d v: e } }"
    assert measures(spread).sizes[0][1].aliases == 15
    assert codes(spread) == set()
    assert codes(spread.replace("{ ...F }", "{ w: w ...F }", 1)) == {"ALIAS_LIMIT"}


def test_another_operation_has_aliases_of_its_own() -> None:
    assert codes(f"query A {{ {aliases(15)} }} query B {{ {aliases(15)} }}") == set()
