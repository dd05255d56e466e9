"""Are more than 20 directives at one place refused, wherever that place is?"""

from __future__ import annotations

import pytest

from tests.limits.judging import codes, sentence


@pytest.mark.parametrize(
    "place",
    [
        "{{ a {0} }}",
        "{{ ... {0} {{ a }} }}",
        "{{ ...F {0} }} fragment F on Q {{ a }}",
        "{{ ...F }} fragment F on Q {0} {{ a }}",
        "query {0} {{ a }}",
        "query ($a: Int {0}) {{ a }}",
        "{{ a {{ b {{ c {0} }} }} }}",
    ],
)
def test_twenty_directives_stand_at_a_place_and_no_more(place: str) -> None:
    assert codes(place.format("@a " * 20)) == set()
    assert codes(place.format("@a " * 21)) == {"TOO_MANY_DIRECTIVES"}
    assert sentence(place.format("@a " * 21)) == "At most 20 directives stand at one place."


def test_directives_of_several_places_are_counted_each_for_itself() -> None:
    assert codes("{ " + " ".join(f"f{number} @a @b @c @d" for number in range(20)) + " }") == set()
