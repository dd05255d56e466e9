"""Is a document of more than 5 operations refused?"""

from __future__ import annotations

from tests.limits.judging import codes, sentence


def operations(count: int) -> str:
    """A document of so many operations."""
    return " ".join(f"query Q{number} {{ __typename }}" for number in range(count))


def test_five_operations_are_taken_and_six_are_not() -> None:
    assert codes(operations(5)) == set()
    assert codes(operations(6)) == {"OPERATION_RESOLUTION_FAILURE"}
    assert sentence(operations(6)) == "A document holds at most 5 operations."


def test_operations_of_one_name_count_each() -> None:
    assert codes("query Q { a } " * 6) == {"OPERATION_RESOLUTION_FAILURE"}
    assert codes("{ a } " * 6) == {"OPERATION_RESOLUTION_FAILURE"}
