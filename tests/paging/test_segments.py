"""Are a transcript's segments and a search's passages paged as any other list?"""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from tests.paging.model import Window
from tests.paging.walking import List, Walk, below, opened, walked
from tests.running_school import RunningSchool

SIZES: Final = range(1, 8)
SPOKEN: Final = "node(id: $id) { ... on Meeting { transcript"


def segments(school: RunningSchool) -> List:
    return List(SPOKEN, "segments", {"id": school.ids["meeting"]})


async def whole(school: RunningSchool) -> tuple[list[str], list[str]]:
    """The ids and cursors of all segments of the meeting, which are numbered from 0."""
    spoken = segments(school)
    page = below(await school.ask(spoken.query(1), {**spoken.variables, "first0": 100}, "admin"))["w0"]
    found = [edge["node"]["id"] for edge in page["edges"]]
    assert 25 <= len(found) <= 40
    return found, [edge["cursor"] for edge in page["edges"]]


@pytest.mark.parametrize("size", SIZES)
async def test_no_segment_is_lost_or_met_twice(school: RunningSchool, size: int) -> None:
    walks = [Walk([]), Walk([], backward=True)]
    await walked(school, segments(school), walks, size)
    known, _ = await whole(school)
    assert [walk.met for walk in walks] == [known, known]


async def test_a_part_between_two_cursors_is_that_part(school: RunningSchool) -> None:
    dice = random.Random("segments")
    known, cursors = await whole(school)
    places = [None, *range(len(known))]
    windows = [
        Window(dice.randint(1, 9), dice.random() < 0.5, dice.choice(places), dice.choice(places)) for _ in range(40)
    ]
    windows += [Window(5, backward, after, before) for backward in (False, True) for after, before in ((7, 7), (9, 2))]
    windows += [Window(5, True, len(known) - 3), Window(5, True, None, 2), Window(5, False, len(known) - 1)]
    for some in (windows[:24], windows[24:]):
        parts = await opened(school, segments(school), some, cursors)
        assert parts == [window.of(known) for window in some]


async def test_all_slices_of_a_transcript_are_one_store_call(school: RunningSchool) -> None:
    walks = [Walk([]) for _ in range(9)]
    spoken = segments(school)
    variables: dict[str, Any] = dict(spoken.variables)
    for n, walk in enumerate(walks):
        variables |= {key: value for key, value in walk.asked(n, n + 1).items() if not key.startswith("order")}
    answer = await school.ask(spoken.query(len(walks)), variables, "admin")
    assert answer["extensions"]["ledger"]["mongodb"]["calls"] == 1


async def test_a_cursor_of_another_transcript_is_refused(school: RunningSchool) -> None:
    query = """
        query ($id: ID!, $after: String) {
            classroom(id: $id) {
                meetings(first: 50) { nodes { transcript { segments(first: 1, after: $after) { nodes { id } } } } }
            }
        }"""
    _, cursors = await whole(school)
    variables = {"id": school.ids["classroom"], "after": cursors[0]}
    answer = await school.ask(query, variables, "admin")
    spoken = [node["transcript"] for node in answer["data"]["classroom"]["meetings"]["nodes"] if node["transcript"]]
    assert [each["segments"] is None for each in spoken].count(False) == 1
    assert len(answer["errors"]) == len(spoken) - 1 >= 2
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_CURSOR"}


@pytest.mark.parametrize("size", SIZES)
async def test_a_search_goes_on_where_its_page_ended(school: RunningSchool, size: int) -> None:
    query = """
        query ($id: ID!, $first: Int, $after: String) {
            classroom(id: $id) {
                search(query: "light and leaves", first: $first, after: $after) {
                    edges { cursor score node { id } } nodes { id }
                    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
                }
            }
        }"""

    async def page(first: int, after: str | None) -> dict[str, Any]:
        variables = {"id": school.ids["classroom"], "first": first, "after": after}
        found: dict[str, Any] = (await school.ask(query, variables))["data"]["classroom"]["search"]
        return found

    known = await page(100, None)
    assert known["pageInfo"]["hasNextPage"] is False
    scores = [edge["score"] for edge in known["edges"]]
    assert scores == sorted(scores, reverse=True)
    walk = Walk([])
    while not walk.done:
        walk.take(await page(size, walk.cursor), size)
    assert walk.met == [edge["node"]["id"] for edge in known["edges"]]
    assert len(walk.met) > 7
