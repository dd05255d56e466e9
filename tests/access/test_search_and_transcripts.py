"""Do the other stores keep the viewer's scope too, and does a hidden record look like one that never was?

PostgreSQL's rows are in `test_row_security.py`. Here: what Qdrant and MongoDB hand out to a scope, counted where it
leaves the store, and every kind of record by its id, compared byte by byte.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from datadir.ledger import kept
from datadir.names import StoreName
from datadir.scope import ANONYMOUS, SYSTEM, Scope
from graph.ids import decode, encode
from loaders import Loaders
from loaders.page import PageRequest
from tests.access.records import found_ids
from tests.access.viewers import VIEWERS, Eyes
from tests.running_school import RunningSchool

NODE: Final = "query ($id: ID!) { node(id: $id) { __typename id } }"
CLASSROOM: Final = "query ($id: ID!) { classroom(id: $id) { id } }"
KINDS: Final = (
    "classroom", "member", "meeting", "recording", "transcript", "segment", "assessment", "document", "chunk", "fellow"
)  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def ids(eyes: Eyes, guest: UUID) -> dict[str, str]:
    """The ids of one record of each kind, all of the classroom of mathematics."""
    return await found_ids(eyes)


def never(known: str) -> str:
    """An id of the same kind that nobody ever had."""
    kind = decode(known).type_name
    if kind == "TranscriptSegment":
        return encode(kind, f"{uuid4().hex[:24]}:0")
    return encode(kind, uuid4().hex[:24] if kind == "Transcript" else uuid4())


# By id


@pytest.mark.parametrize("viewer", ["outsider", "colleague", "service"])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_hidden_has_the_bytes_of_what_never_was(
    kind: str, viewer: str, eyes: Eyes, ids: dict[str, str]
) -> None:
    if (kind, viewer) == ("fellow", "service"):
        return  # programs know people by name
    hidden = await eyes.ask(viewer, NODE, {"id": ids[kind]})
    unknown = await eyes.ask(viewer, NODE, {"id": never(ids[kind])})
    assert hidden.json()["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    assert hidden.content == unknown.content
    assert (hidden.status_code, hidden.headers) == (unknown.status_code, unknown.headers)


@pytest.mark.parametrize("viewer", ["student", "guest", "assistant", "teacher", "admin"])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_shown_is_shown_to_those_who_may_see_it(
    kind: str, viewer: str, eyes: Eyes, ids: dict[str, str]
) -> None:
    shown = (await eyes.data(viewer, NODE, {"id": ids[kind]}))["node"]
    assert shown == {"__typename": decode(ids[kind]).type_name, "id": ids[kind]}


@pytest.mark.parametrize("viewer", ["outsider", "colleague", "service", "student"])
async def test_another_kinds_id_and_no_id_at_all_never_were_either(
    viewer: str, eyes: Eyes, ids: dict[str, str]
) -> None:
    unknown = (await eyes.ask(viewer, NODE, {"id": never(ids["meeting"])})).content
    key = decode(ids["classroom"]).key
    for wrong in ("", "x", "====", encode("Meeting", key), encode("Classroom", "1"), encode("Nothing", key), key):
        assert (await eyes.ask(viewer, NODE, {"id": wrong})).content == unknown, wrong
    elsewhere = (await eyes.ask(viewer, CLASSROOM, {"id": never(ids["classroom"])})).content
    for wrong in ("", ids["meeting"], encode("Classroom", "1")):
        assert (await eyes.ask(viewer, CLASSROOM, {"id": wrong})).content == elsewhere, wrong


@pytest.mark.parametrize("viewer", ["outsider", "colleague", "service"])
async def test_a_hidden_classroom_has_the_bytes_of_none(viewer: str, eyes: Eyes, ids: dict[str, str]) -> None:
    hidden = await eyes.ask(viewer, CLASSROOM, {"id": ids["classroom"]})
    assert hidden.content == (await eyes.ask(viewer, CLASSROOM, {"id": never(ids["classroom"])})).content


async def test_in_a_list_of_ids_each_hidden_one_is_an_unknown_one(eyes: Eyes, ids: dict[str, str]) -> None:
    many = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    [own] = (await eyes.data("outsider", "{ classrooms(first: 1) { nodes { id } } }"))["classrooms"]["nodes"]
    hidden = await eyes.ask("outsider", many, {"ids": [own["id"], *(ids[kind] for kind in KINDS)]})
    unknown = await eyes.ask("outsider", many, {"ids": [own["id"], *(never(ids[kind]) for kind in KINDS)]})
    assert hidden.content == unknown.content
    assert hidden.json()["data"]["nodes"] == [own, *([None] * len(KINDS))]
    assert [error["path"] for error in hidden.json()["errors"]] == [["nodes", n + 1] for n in range(len(KINDS))]


async def test_a_segment_behind_the_last_one_never_was(eyes: Eyes, ids: dict[str, str]) -> None:
    kind, key = decode(ids["segment"])
    beyond = encode(kind, f"{key.partition(':')[0]}:999999")
    unknown = await eyes.ask("teacher", NODE, {"id": never(ids["segment"])})
    assert (await eyes.ask("teacher", NODE, {"id": beyond})).content == unknown.content


async def test_a_filter_tells_nothing_of_hidden_classrooms(eyes: Eyes, ids: dict[str, str]) -> None:
    filtered = "query ($where: ClassroomFilter) { classrooms(filter: $where) { totalCount nodes { id } } }"
    nothing = {"classrooms": {"totalCount": 0, "nodes": []}}
    for where in (
        {"teacherId": {"eq": ids["teacher"]}},
        {"teacherId": {"eq": never(ids["teacher"])}},
        {"name": {"eq": "Calculus I"}},
        {"subject": {"startsWith": "Math"}},
        {"or": [{"name": {"contains": "calculus"}}, {"teacherId": {"in": [ids["teacher"]]}}]},
    ):
        assert await eyes.data("outsider", filtered, {"where": where}) == nothing, where
    inverse = {"not": {"teacherId": {"eq": ids["teacher"]}}}
    assert (await eyes.data("outsider", filtered, {"where": inverse}))["classrooms"]["totalCount"] == 1


# What leaves the stores


class Case(NamedTuple):
    """One read of a loader of one record: its store, how many records an answer holds, how many rows leave the store
    for it (a page takes one more, to know whether it goes on)."""

    store: StoreName
    read: Callable[[Loaders, dict[str, str]], Awaitable[Any]]
    found: Callable[[Any], int]
    rows: int = 1


def key(ids: dict[str, str], kind: str) -> str:
    return decode(ids[kind]).key


def records(answer: Any) -> int:
    return sum(each is not None for each in answer)


SLICE: Final = PageRequest(size=3)
CASES: Final = {
    "passages by their ids": Case(
        StoreName.QDRANT, lambda loaders, ids: loaders.library.chunks_by_id([key(ids, "chunk")]), records
    ),
    "passages by their meaning": Case(
        StoreName.QDRANT,
        lambda loaders, ids: loaders.library.matches_by_classroom_id(
            [UUID(key(ids, "classroom"))], "limits", PageRequest(size=1)
        ),
        lambda pages: len(pages[0].records),
        rows=2,
    ),
    "a meeting's transcript": Case(
        StoreName.MONGODB,
        lambda loaders, ids: loaders.meetings.transcripts_by_meeting_id([UUID(key(ids, "meeting"))], [SLICE]),
        records,
    ),
    "a transcript by its id": Case(
        StoreName.MONGODB,
        lambda loaders, ids: loaders.meetings.transcripts_by_id([key(ids, "transcript")], [SLICE]),
        records,
    ),
    "a segment by its place": Case(
        StoreName.MONGODB,
        lambda loaders, ids: loaders.meetings.segments_by_position([(key(ids, "transcript"), 0)]),
        records,
    ),
}


async def read(case: Case, school: RunningSchool, scope: Scope, ids: dict[str, str]) -> tuple[int, int, int]:
    """Records that arrived; calls to the store, and rows that left it."""
    services = school.services
    lease = services.stores.postgresql.lease(scope)
    with kept() as ledger:
        answer = await case.read(Loaders(services.stores, lease, services.cursors, services.embedder), ids)
    entry = ledger.stores[case.store]
    assert set(ledger.stores) == {case.store}
    return case.found(answer), entry.calls, entry.rows


@pytest.mark.parametrize("name", CASES)
async def test_a_store_hands_out_what_the_scope_holds(name: str, school: RunningSchool, ids: dict[str, str]) -> None:
    here, elsewhere = UUID(key(ids, "classroom")), uuid4()
    for scope in (
        Scope(uuid4(), "student", (here,)),
        Scope(uuid4(), "teacher", (elsewhere, here), (here,)),
        Scope(uuid4(), "admin"),
        SYSTEM,
    ):
        assert await read(CASES[name], school, scope, ids) == (1, 1, CASES[name].rows), scope


@pytest.mark.parametrize("name", CASES)
async def test_what_a_scope_lacks_does_not_even_leave_the_store(
    name: str, school: RunningSchool, ids: dict[str, str]
) -> None:
    others = tuple(uuid4() for _ in range(30))
    for scope in (
        Scope(uuid4(), "student", others),
        Scope(uuid4(), "teacher", others, others),
        Scope(uuid4(), "student"),
        Scope(uuid4(), "service"),
        ANONYMOUS,
    ):
        assert await read(CASES[name], school, scope, ids) == (0, 1, 0), scope


# Search


async def test_a_search_finds_all_of_its_classroom_and_nothing_of_another(eyes: Eyes, ids: dict[str, str]) -> None:
    search = """query ($id: ID!, $query: String!) {
        classroom(id: $id) { search(query: $query, first: 100) { nodes { id document { id filename chunkCount } } } }
    }"""
    everywhere = (await eyes.data("admin", "{ classrooms { nodes { id name } } }"))["classrooms"]["nodes"]
    assert len(everywhere) == 6
    chunks: dict[str, set[str]] = {}
    for classroom in everywhere:
        found = (await eyes.data("admin", search, {"id": classroom["id"], "query": "light"}))["classroom"]["search"]
        documents = {each["document"]["id"]: each["document"]["chunkCount"] for each in found["nodes"]}
        chunks[classroom["name"]] = {each["id"] for each in found["nodes"]}
        assert len(chunks[classroom["name"]]) == len(found["nodes"]) == sum(documents.values()) > 0
    assert len(set.union(*chunks.values())) == sum(map(len, chunks.values())), "no passage is in two classrooms"
    # Words of other classrooms, asked by whoever is in more than one of them.
    for viewer in ("guest", "assistant", "teacher", "student"):
        for query in ("How do plants turn light into energy?", "steam engines and mills", "sorting and searching"):
            data = await eyes.data(viewer, search, {"id": ids["classroom"], "query": query})
            assert {each["id"] for each in data["classroom"]["search"]["nodes"]} == chunks["Calculus I"]


async def test_no_viewer_reaches_the_search_of_another_classroom(eyes: Eyes, ids: dict[str, str]) -> None:
    search = """query ($id: ID!) { classroom(id: $id) { search(query: "limits", first: 1) { nodes { text } } } }"""
    for viewer in VIEWERS:
        answer = (await eyes.ask(viewer, search, {"id": ids["classroom"]})).json()
        data = answer.get("data") or {}
        assert bool(data.get("classroom")) is (viewer in ("student", "guest", "assistant", "teacher", "admin")), viewer
