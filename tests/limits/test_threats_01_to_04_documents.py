"""Threats 1 to 4: aliases, nesting, circles, fragments that double. Refused in time that grows with the text alone."""

from __future__ import annotations

import pytest

from tests.limits.attacking import MOST_SECONDS, attacked, following

ALIASES = " ".join(f"a{number}: id" for number in range(16))
DEEP = "classrooms { nodes { teacher { " * 4 + "id" + " } } }" * 4


@pytest.mark.parametrize(
    "document",
    [
        f"{{ viewer {{ {ALIASES} }} }}",
        "{ " + " ".join(f"a{number}: viewer {{ id }}" for number in range(300)) + " }",
        f"{{ viewer {{ ...A }} }} fragment A on User {{ ...B }} fragment B on User {{ {ALIASES} }}",
        "{ viewer { ...A ... { ...A } ... on User { ...A } } } "
        "fragment A on User { x: id y: id z: id u: id v: id w: id }",
        f"query Fine {{ __typename }} query Hidden {{ viewer {{ {ALIASES} }} }}",
    ],
    ids=["plainly", "at the root", "in fragments", "in one fragment thrice", "in the other operation"],
)
async def test_01_alias_overload(document: str) -> None:
    found = await attacked(document, name="Fine" if "Fine" in document else None)
    assert found.codes == {"ALIAS_LIMIT"}
    assert found.seconds < MOST_SECONDS


@pytest.mark.parametrize(
    "document",
    [
        f"{{ viewer {{ {DEEP} }} }}",
        f"{{ viewer {{ ...A }} }} fragment A on User {{ {DEEP} }}",
        f"{{ viewer {{ ... {{ ... on User {{ {DEEP} }} }} }} }}",
        f"query Fine {{ __typename }} query Hidden {{ viewer {{ {DEEP} }} }}",
        "{ viewer " + "{ classrooms { nodes { teacher " * 60 + "{ id }" + " } } }" * 60 + " }",
    ],
    ids=["plainly", "in a fragment", "in inline fragments", "in the second operation", "to the stack's end"],
)
async def test_02_deep_nesting(document: str) -> None:
    found = await attacked(document, name="Fine" if "Fine" in document else None)
    assert found.codes == {"DEPTH_LIMIT"}
    assert found.seconds < MOST_SECONDS


async def test_02_deep_nesting_on_a_stream() -> None:
    async with following(f"subscription S {{ storesLive {{ kind }} }} query Q {{ viewer {{ {DEEP} }} }}") as body:
        assert [error["extensions"]["code"] for error in body["errors"]] == ["DEPTH_LIMIT"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ viewer { ...A } } fragment A on User { ...A }", "FRAGMENT_CYCLE"),
        ("{ viewer { ...A } } fragment A on User { ...B } fragment B on User { ...A }", "FRAGMENT_CYCLE"),
        ("{ viewer { id } } fragment A on User { ...B } fragment B on User { ...A }", "FRAGMENT_CYCLE"),
        ("{ viewer { ...Nowhere } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "{ viewer { ...F0 } } "
            + " ".join(
                f"fragment F{n} on User {{ {' '.join(f'...F{m}' for m in range(25) if m != n)} }}" for n in range(25)
            ),
            "FRAGMENT_CYCLE",
        ),
    ],
    ids=["self", "circle", "unused circle", "unknown", "everyone with everyone"],
)
async def test_03_fragments_in_circles(document: str, code: str) -> None:
    found = await attacked(document)
    assert found.codes == {code}
    assert found.seconds < MOST_SECONDS


def chained(links: int, spreads: int, used: str) -> str:
    """Fragments of which each spreads the next several times."""
    chain = "".join(f"fragment F{n} on User {{ {f'...F{n + 1} ' * spreads} }} " for n in range(links))
    return f"{{ viewer {{ {used} }} }} {chain} fragment F{links} on User {{ id }}"


@pytest.mark.parametrize(
    ("links", "spreads", "used"),
    [(20, 2, "...F0"), (150, 2, "...F0"), (30, 15, "...F0"), (150, 2, "id")],
    ids=["a million", "2 to the 150th", "15 to the 30th", "unused"],
)
async def test_04_exponential_fragments(links: int, spreads: int, used: str) -> None:
    found = await attacked(chained(links, spreads, used))
    assert found.codes == {"TOO_MANY_SELECTIONS"}
    assert found.seconds < MOST_SECONDS


async def test_04_exponential_inline_fragments() -> None:
    chain = "".join(f"fragment F{n} on User {{ ... {{ ...F{n + 1} }} ... {{ ...F{n + 1} }} }} " for n in range(80))
    found = await attacked("{ viewer { ...F0 } } " + chain + "fragment F80 on User { id }")
    assert found.codes == {"TOO_MANY_SELECTIONS"}
    assert found.seconds < MOST_SECONDS
