"""Is a sentence told without its hint, whichever way graphql-core words it?"""

from __future__ import annotations

import pytest

from graph.limits.suggestions import without_suggestions


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("Cannot query field 'nam' on type 'User'. Did you mean 'name'?", "Cannot query field 'nam' on type 'User'."),
        (
            "Value 'X' does not exist in 'Role' enum. Did you mean the enum value 'Y'\nor 'Z'?",
            "Value 'X' does not exist in 'Role' enum.",
        ),
        (
            "Field 'a' must have a selection of subfields. Did you mean 'a { ... }'?",
            "Field 'a' must have a selection of subfields.",
        ),
        ("Nothing to hint at.", "Nothing to hint at."),
    ],
)
def test_the_hint_is_cut_off(told: str, left: str) -> None:
    assert without_suggestions(told) == left
