"""Are fields that answer under one key few enough for validation to compare them all?"""

from __future__ import annotations

from tests.limits.judging import codes, sentence


def test_sixty_three_fields_of_one_key_are_taken_and_sixty_four_are_not() -> None:
    assert codes("{ x { " + "a " * 63 + "} }") == set()  # 1,953 pairs
    assert codes("{ x { " + "a " * 64 + "} }") == {"TOO_MANY_SELECTIONS"}  # 2,016
    assert sentence("{ x { " + "a " * 64 + "} }") == "At most 2,000 pairs of fields answer under one key."


def test_pairs_are_counted_on_each_level_below() -> None:
    assert codes("{ x { " + "a { b { c } } " * 37 + "} }") == set()  # 3 * 666
    assert codes("{ x { " + "a { b { c } } " * 38 + "} }") == {"TOO_MANY_SELECTIONS"}  # 3 * 703


def test_pairs_are_counted_across_fragments() -> None:
    fragments = " ".join(f"fragment F{n} on Q {{ a b c }}" for n in range(40))
    assert codes("{ x { " + " ".join(f"...F{n}" for n in range(40)) + " } } " + fragments) == {"TOO_MANY_SELECTIONS"}


def test_different_keys_are_no_pairs() -> None:
    assert codes("{ x { " + " ".join(f"f{n}" for n in range(400)) + " } }") == set()


def test_fragments_that_nothing_uses_are_bounded_too() -> None:
    shared = "fragment S on Q { " + " ".join(f"f{n}" for n in range(400)) + " }"
    unused = " ".join(f"fragment F{n} on Q {{ ...S }}" for n in range(8))
    assert codes(f"{{ a }} {shared} {unused}") == {"TOO_MANY_SELECTIONS"}
