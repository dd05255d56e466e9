"""Is every row of a list met once, in its order, whatever the size of the pages and the direction?"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio

from graph.ids import encode
from tests.paging.awkward import Awkward
from tests.paging.model import Term, Window, ids, ordered
from tests.paging.walking import List, Walk, below, opened, walked
from tests.running_school import RunningSchool

SIZES: Final = range(1, 8)
NAME, MADE = Term("NAME", "name"), Term("CREATED_AT", "created_at")
JOINED = Term("JOINED_AT", "joined_at")
SCHEDULED = Term("SCHEDULED_AT", "scheduled_at")
DUE, TITLE = Term("DUE_AT", "due_date"), Term("TITLE", "title")


def down(term: Term) -> Term:
    """The same term the other way."""
    return term._replace(descending=True)


class Shape(NamedTuple):
    """A list as the tests ask for it: what stands above, orderBy's type, the rows' type, orders, that of the list."""

    above: str
    order: str
    type_name: str
    orders: list[list[Term]]
    default: list[Term]


HOME: Final = "classroom(id: $id)"
LISTS: Final = {
    "members": Shape(HOME, "MemberOrder", "ClassroomMember", [[JOINED], [down(JOINED)]], [JOINED]),
    "meetings": Shape(
        HOME,
        "MeetingOrder",
        "Meeting",
        [[SCHEDULED], [down(SCHEDULED)], [MADE, down(SCHEDULED)], [down(MADE), SCHEDULED]],
        [SCHEDULED],
    ),
    "assessments": Shape(
        HOME,
        "AssessmentOrder",
        "Assessment",
        [
            [DUE],
            [down(DUE)],
            [TITLE, down(DUE)],
            [down(TITLE), DUE],
            [DUE, TITLE],
            [down(DUE), TITLE, down(MADE)],
            [DUE, down(TITLE), MADE],
        ],
        [down(MADE)],
    ),
    "classrooms": Shape(
        "node(id: $id) { ... on User",
        "ClassroomOrder",
        "Classroom",
        [[NAME], [down(NAME)], [MADE, down(NAME)], [down(MADE), NAME], [NAME, MADE]],
        [NAME],
    ),
}


def listed(awkward: Awkward, name: str) -> List:
    """A list below the awkward classroom, or below the student who attends all of them."""
    above = encode("User", awkward.student) if name == "classrooms" else awkward.home_id
    return List(LISTS[name].above, name, {"id": above}, LISTS[name].order)


def whole(awkward: Awkward, name: str, terms: list[Term]) -> list[str]:
    """The ids of a list's rows in an order, by the model."""
    rows: Sequence[Any] = getattr(awkward, name)
    return ids(LISTS[name].type_name, ordered(rows, terms or LISTS[name].default))


@pytest_asyncio.fixture(scope="module")
async def demo_classrooms(school: RunningSchool, awkward: Awkward) -> set[str]:
    """The classrooms that the student attends in the demo, which the model does not know."""
    query = "query ($id: ID!) { node(id: $id) { ... on User { classrooms(first: 100) { nodes { id } } } } }"
    answer = await school.ask(query, {"id": encode("User", awkward.student)}, "admin")
    all_of_them = {node["id"] for node in answer["data"]["node"]["classrooms"]["nodes"]}
    return all_of_them - set(ids("Classroom", awkward.classrooms))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", LISTS)
async def test_no_row_is_lost_or_met_twice(
    school: RunningSchool, awkward: Awkward, demo_classrooms: set[str], name: str, size: int
) -> None:
    orders = [[], *LISTS[name].orders]
    walks = [Walk([term.input for term in terms], backward) for terms in orders for backward in (False, True)]
    await walked(school, listed(awkward, name), walks, size)
    for n, walk in enumerate(walks):
        met = [each for each in walk.met if each not in demo_classrooms]
        assert met == whole(awkward, name, orders[n // 2]), (orders[n // 2], walk.backward)
        assert len(walk.met) == len(set(walk.met)) == len(met) + (name == "classrooms") * len(demo_classrooms)


@pytest.mark.parametrize("name", ["members", "meetings", "assessments"])
async def test_a_part_between_two_cursors_is_that_part(school: RunningSchool, awkward: Awkward, name: str) -> None:
    dice = random.Random(name)
    a_list = listed(awkward, name)
    for terms in LISTS[name].orders:
        model = whole(awkward, name, terms)
        order = [term.input for term in terms]
        everything = below(
            await school.ask(a_list.query(1), {**a_list.variables, "first0": 100, "order0": order}, "admin")
        )["w0"]
        cursors = [edge["cursor"] for edge in everything["edges"]]
        places = [None, *range(len(model))]
        windows = [
            Window(dice.randint(1, 8), dice.random() < 0.5, dice.choice(places), dice.choice(places)) for _ in range(12)
        ]
        parts = await opened(school, a_list, windows, cursors, order)
        assert parts == [window.of(model) for window in windows], terms


async def test_the_root_list_is_walked_in_any_order(school: RunningSchool, awkward: Awkward) -> None:
    everything = "{ classrooms(first: 100) { totalCount nodes { id name createdAt } } }"
    answer = await school.ask(everything, None, "admin")
    known = [node["id"] for node in answer["data"]["classrooms"]["nodes"]]
    assert answer["data"]["classrooms"]["totalCount"] == len(known) == 6 + len(awkward.classrooms)
    orders = [[], *LISTS["classrooms"].orders]
    for size in SIZES:
        declared = ", ".join(f"$after{n}: String, $order{n}: [ClassroomOrder!]" for n in range(len(orders)))
        pages = " ".join(
            f"w{n}: classrooms(first: {size}, after: $after{n}, orderBy: $order{n}) "
            "{ edges { cursor node { id } } nodes { id } "
            "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"
            for n in range(len(orders))
        )
        walks = [Walk([term.input for term in terms]) for terms in orders]
        while not all(walk.done for walk in walks):
            variables: dict[str, Any] = {}
            for n, walk in enumerate(walks):
                variables |= {f"after{n}": walk.cursor, f"order{n}": walk.order}
            found = (await school.ask(f"query ({declared}) {{ {pages} }}", variables, "admin"))["data"]
            for n, walk in enumerate(walks):
                walk.take(found[f"w{n}"], size)
        for walk, terms in zip(walks, orders, strict=True):
            assert sorted(walk.met) == sorted(known)
            model = whole(awkward, "classrooms", terms)
            assert [each for each in walk.met if each in set(model)] == model


async def test_each_parent_has_its_own_page_in_its_own_order(school: RunningSchool, awkward: Awkward) -> None:
    query = """{
        classrooms(first: 100) {
            nodes {
                id
                few: members(first: 2, orderBy: [{ field: JOINED_AT, direction: DESC }]) { totalCount nodes { id } }
                all: members(first: 100, orderBy: [{ field: JOINED_AT, direction: DESC }]) { nodes { id } }
            }
        }
    }"""
    answer = await school.ask(query, None, "admin")
    nodes = {node["id"]: node for node in answer["data"]["classrooms"]["nodes"]}
    assert [node["id"] for node in nodes[awkward.home_id]["all"]["nodes"]] == whole(awkward, "members", [down(JOINED)])
    for node in nodes.values():
        assert node["few"]["nodes"] == node["all"]["nodes"][:2]
        assert node["few"]["totalCount"] == len(node["all"]["nodes"])


async def test_an_empty_list_is_one_empty_page(school: RunningSchool, awkward: Awkward) -> None:
    empty = encode("Classroom", awkward.classrooms[1].id)
    for name in ("meetings", "assessments"):
        walks = [Walk([]), Walk([], backward=True)]
        await walked(school, List(HOME, name, {"id": empty}, LISTS[name].order), walks, 3)
        assert [walk.met for walk in walks] == [[], []]
