"""Does an operation ask for at most 20 root fields, through fragments too?"""

from __future__ import annotations

from tests.limits.judging import codes, sentence


def fields(count: int) -> str:
    """So many different fields."""
    return " ".join(f"f{number}" for number in range(count))


def test_twenty_root_fields_are_taken_and_one_more_is_not() -> None:
    assert codes(f"{{ {fields(20)} }}") == set()
    assert codes(f"{{ {fields(21)} }}") == {"ROOT_FIELD_LIMIT"}
    assert sentence(f"mutation {{ {fields(21)} }}") == "An operation asks for at most 20 root fields."


def test_root_fields_are_found_in_fragments() -> None:
    assert codes(f"{{ f0 ...A }} fragment A on Q {{ {fields(20)} }}") == {"ROOT_FIELD_LIMIT"}
    assert codes(f"{{ ...A ... {{ ...A }} }} fragment A on Q {{ {fields(11)} }}") == {"ROOT_FIELD_LIMIT"}


def test_what_is_below_a_field_is_no_root_field() -> None:
    assert codes(f"{{ a {{ {fields(40)} }} }}") == set()
