"""Is a fragment that leads back to itself refused, used or not, near or far?"""

from __future__ import annotations

import pytest

from tests.limits.judging import codes, sentence


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{ ...A } fragment A on Q { ...A }", "Cannot spread fragment 'A' within itself."),
        ("{ x } fragment A on Q { a { ... { ...A } } }", "Cannot spread fragment 'A' within itself."),
        (
            "{ ...A } fragment A on Q { a ...B } fragment B on Q { b { ...A } }",
            "Cannot spread fragment 'A' within itself via 'B'.",
        ),
        (
            "{ ...A } fragment A on Q { ...B } fragment B on Q { ...C } fragment C on Q { ...B }",
            "Cannot spread fragment 'B' within itself via 'C'.",
        ),
    ],
)
def test_a_circle_is_refused_by_its_own_name(document: str, message: str) -> None:
    assert codes(document) == {"FRAGMENT_CYCLE"}
    assert sentence(document) == message


def test_a_circle_of_four_hundred_is_found_without_a_deep_stack() -> None:
    ring = " ".join(f"fragment F{number} on Q {{ ...F{(number + 1) % 400} }}" for number in range(400))
    assert codes("{ ...F0 } " + ring, tokens=10_000) == {"FRAGMENT_CYCLE"}


def test_a_fragment_that_is_spread_twice_is_no_circle() -> None:
    assert codes("{ ...A ...B } fragment A on Q { ...B } fragment B on Q { b }") == set()


def test_a_fragment_that_there_is_not_is_left_to_validation() -> None:
    assert codes("{ ...A } fragment A on Q { ...Nowhere }") == set()
