"""Do the embedded engine and the client's double keep the promise of the vector stores? A server: `tests/real`."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from datadir import ledger
from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.learners import held_in
from datadir.names import StoreName
from datadir.qdrant import embedded, models, setup
from datadir.qdrant.client import QdrantVectors, Vectors
from datadir.qdrant.collections import COLLECTIONS
from datadir.qdrant.embedded import EdgeVectors
from tests.stores.qdrant_contract import (
    COLLECTION,
    NAME,
    POINTS,
    VectorsContract,
    equals,
    only,
    point,
    point_id,
    search,
)

ROOT = Path(__file__).parents[2]


class TestEmbedded(VectorsContract):
    """The engine in this process."""

    implementation = "Qdrant edge, embedded"

    @pytest_asyncio.fixture
    async def vectors(self, tmp_path: Path) -> AsyncIterator[EdgeVectors]:
        vectors = await embedded.opened(tmp_path / "vectors")
        await vectors.ensure([COLLECTION])
        yield vectors
        await vectors.close()


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
class TestLocalMode(VectorsContract):
    """The production code on qdrant-client's local mode: a protocol double, no proof of a server."""

    implementation = "qdrant-client's local mode"

    @pytest_asyncio.fixture
    async def vectors(self) -> AsyncIterator[QdrantVectors]:
        from qdrant_client import AsyncQdrantClient

        vectors = QdrantVectors(AsyncQdrantClient(":memory:"))
        await vectors.ensure([COLLECTION])
        yield vectors
        await vectors.close()


# The embedded engine: what only a folder on a disk can do.


@asynccontextmanager
async def edge(folder: Path) -> AsyncIterator[EdgeVectors]:
    vectors = await embedded.opened(folder)
    try:
        yield vectors
    finally:
        await vectors.close()


async def test_points_and_indexes_survive_closing_and_opening(tmp_path: Path) -> None:
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
        await vectors.upsert(NAME, POINTS)
    async with edge(tmp_path) as vectors:
        [hits] = await vectors.query_batch(NAME, [search(limit=2, with_payload=True)])
        assert [hit.payload for hit in hits] == [POINTS[0].payload, POINTS[1].payload]
        assert await vectors.missing([COLLECTION]) == []
        more = replace(COLLECTION, indexes={**COLLECTION.indexes, "kind": "keyword"})
        assert await vectors.missing([more]) == ["index kind of contract"]
        await vectors.ensure([more])
    async with edge(tmp_path) as vectors:
        assert await vectors.missing([more]) == []
        assert await vectors.missing([COLLECTION]) == []


async def test_a_collection_without_points_costs_no_files_and_reads_as_empty(tmp_path: Path) -> None:
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
        assert os.listdir(tmp_path) == []
        assert await vectors.query_batch(NAME, [search(), search()]) == [[], []]
        assert await vectors.retrieve(NAME, [point_id(1)]) == []
        assert await vectors.scroll(NAME) == ([], None)
        assert await vectors.count(NAME) == 0
        await vectors.delete(NAME, filter=only(must=[equals("page_number", 1)]))
        with pytest.raises(StoreMisconfigured, match="with other vectors"):
            await vectors.ensure([replace(COLLECTION, size=5)])
        await vectors.upsert(NAME, POINTS[:1])
        assert os.listdir(tmp_path) == [NAME]
        assert await vectors.missing([COLLECTION]) == []


WRITER = """
import asyncio, sys
from pathlib import Path
from datadir.qdrant import embedded
from tests.stores.qdrant_contract import COLLECTION, NAME, point

async def main():
    vectors = await embedded.opened(Path(sys.argv[1]))
    await vectors.ensure([COLLECTION])
    for number in range(1, 1_000_000):
        await vectors.upsert(NAME, [point(number, [1.0, number, 0, 0], page_number=number)])
        print(number, flush=True)

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_kill_minus_nine(tmp_path: Path) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    acknowledged = 0
    while acknowledged < 20:
        acknowledged = int(await writer.stdout.readline())
    writer.kill()
    acknowledged = int(((await writer.stdout.read()).split() or [str(acknowledged).encode()])[-1])
    await writer.wait()
    async with edge(tmp_path) as vectors:
        every = only(must=[models.FieldCondition(key="page_number", range=models.Range(lte=acknowledged))])
        assert await vectors.count(NAME, every) == acknowledged
        await vectors.upsert(NAME, [point(acknowledged, [0, 0, 0, 1.0])])
        [[hit]] = await vectors.query_batch(NAME, [search([0, 0, 0, 1.0], limit=1)])
        assert hit.id == point_id(acknowledged)


@pytest.mark.parametrize("write", ["upsert", "delete"])
async def test_a_write_is_acknowledged_when_the_log_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    synced: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda file: synced.add(os.fstat(file).st_ino))
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
        await vectors.upsert(NAME, POINTS)
        synced.clear()
        if write == "upsert":
            await vectors.upsert(NAME, POINTS)
        else:
            await vectors.delete(NAME, ids=[point_id(1)])
        assert synced == {file.stat().st_ino for file in os.scandir(tmp_path / NAME / "wal")}


async def test_a_second_holder_of_the_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with edge(tmp_path) as first:
        await first.ensure([COLLECTION])
        with pytest.raises(StoreMisconfigured, match="Another process holds the vector folder"):
            await embedded.opened(tmp_path)
        assert await first.count(NAME) == 0


@pytest.mark.parametrize("damage", ["edge_config.json", "wal/open-1"])
async def test_a_damaged_folder_is_named(tmp_path: Path, damage: str) -> None:
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
        await vectors.upsert(NAME, POINTS)
    (tmp_path / NAME / damage).write_bytes(b"")
    with pytest.raises(StoreMisconfigured, match=f"vector folder {tmp_path / NAME} is damaged"):
        await embedded.opened(tmp_path)


async def test_a_collection_whose_making_was_cut_short_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "contract.new" / "wal").mkdir(parents=True)
    (tmp_path / "contract.new" / "edge_config.json").write_bytes(b"{")
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
        assert await vectors.count(NAME) == 0
        assert os.listdir(tmp_path) == []
        await vectors.upsert(NAME, POINTS)
        assert await vectors.count(NAME) == len(POINTS)
    assert os.listdir(tmp_path) == [NAME]


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreMisconfigured, match="cannot be made: Not a directory"):
        await embedded.opened(tmp_path / "file" / "vectors")


async def test_without_the_wheel_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_edge", None)
    monkeypatch.delitem(sys.modules, "datadir.qdrant.filters", raising=False)
    with pytest.raises(StoreMisconfigured, match=r"no wheel of qdrant-edge-py for this platform.* set QDRANT_HOST\.$"):
        await embedded.opened(tmp_path)


async def test_a_hanging_engine_costs_the_deadline_and_never_the_event_loop(tmp_path: Path) -> None:
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
        hang = threading.Event()
        hung = vectors._worker.submit(hang.wait)
        try:
            turns = 0

            async def turn() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0.01)
                    turns += 1

            clock = asyncio.create_task(turn())
            with ledger.kept() as book, pytest.raises(StoreTimeout, match=r"within 0\.4 s"):
                await vectors.count(NAME)
            clock.cancel()
            assert turns > 10
            assert 400 <= book.stores[StoreName.QDRANT].ms < 2000
        finally:
            hang.set()
        await asyncio.wrap_future(hung)
        assert await vectors.count(NAME) == 0


async def test_a_panic_of_the_engine_is_an_unavailable_store(tmp_path: Path) -> None:
    async with edge(tmp_path) as vectors:

        class PanicException(BaseException):
            pass

        def work() -> None:
            raise PanicException("index out of bounds")

        with pytest.raises(StoreUnavailable, match="index out of bounds"):
            await vectors._run(work)


async def test_after_closing_the_store_is_unavailable(tmp_path: Path) -> None:
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
    with pytest.raises(StoreUnavailable, match="closed"):
        await vectors.count(NAME)


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        (
            models.FieldCondition(
                key="place", geo_radius=models.GeoRadius(center=models.GeoPoint(lon=0, lat=0), radius=1)
            ),
            "GeoRadius",
        ),
        (models.HasVectorCondition(has_vector="other"), "HasVectorCondition"),
        (models.FieldCondition(key="text", match=models.MatchPrefix(prefix="a")), "MatchPrefix"),
    ],
)
async def test_what_the_embedded_engine_is_not_asked_with_is_refused_not_dropped(
    tmp_path: Path, condition: Any, named: str
) -> None:
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
        with pytest.raises(StoreError, match=f"does not take {named}"):
            await vectors.count(NAME, only(must=[equals("page_number", 1), condition]))


async def test_a_request_for_more_than_nearest_points_is_refused(tmp_path: Path) -> None:
    async with edge(tmp_path) as vectors:
        await vectors.ensure([COLLECTION])
        with pytest.raises(StoreError, match="does not take FusionQuery"):
            await vectors.query_batch(NAME, [models.QueryRequest(query=models.FusionQuery(fusion=models.Fusion.RRF))])


# The words, the collections and their setup.


async def test_the_models_are_those_of_the_client_but_cost_no_client() -> None:
    from qdrant_client import models as whole

    assert whole.Filter is models.Filter
    assert whole.QueryRequest is models.QueryRequest
    alone = (
        "import sys\n"
        "from datadir.qdrant import models\n"
        "request = models.QueryRequest(query=[0.5], filter=models.Filter(must=[]))\n"
        "assert request.query == [0.5]\n"
        "print(sorted({'grpc', 'httpx', 'qdrant_client'} & sys.modules.keys()))\n"
        "from qdrant_client import models as whole\n"
        "print(whole.Filter is models.Filter)\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", alone, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    assert (child.returncode, out.decode().split("\n")) == (0, ["[]", "True", ""])


def test_the_collections_page_says_what_the_program_creates() -> None:
    page = (Path(setup.__file__).parent / "collections.md").read_text()
    sections = dict(part.split("`", 1) for part in page.split("\n## `")[1:])
    assert list(sections) == [collection.name for collection in COLLECTIONS]
    for collection in COLLECTIONS:
        section = sections[collection.name].replace("\n", " ")
        assert section.removeprefix("`").strip().startswith(collection.about)
        assert f"vectors of {collection.size} floats" in section
        assert (
            f"distance {collection.distance}, HNSW m={collection.m}, ef_construct={collection.ef_construct}." in section
        )
        rows = [
            f"| `{field}` | {what} | {collection.indexes.get(field, '')}".rstrip()
            for field, what in collection.payload.items()
        ]
        assert [
            row.removesuffix("|").rstrip() for row in sections[collection.name].split("\n") if row[:3] == "| `"
        ] == rows
        assert collection.indexes.keys() <= collection.payload.keys()
        held = held_in(StoreName.QDRANT, collection.name)
        said = section.partition("Whose: ")[2]
        assert said.startswith("nobody's") if held.why else all(f"`{field}`" in said for field in held.learner)


async def test_the_setup_makes_every_collection_and_says_what_it_holds(tmp_path: Path) -> None:
    async with edge(tmp_path) as vectors:
        lines = [f"{collection.name}: 0 points" for collection in COLLECTIONS]
        assert await setup.set_up(vectors) == lines
        assert await setup.set_up(vectors) == lines


@pytest.mark.parametrize(
    ("settings", "ended"),
    [
        ({}, (2, "QDRANT_HOST names no server: set it, or let the embedded store make its own collections.\n")),
        (
            {"QDRANT_HOST": "127.0.0.1", "QDRANT_PORT": "9"},
            (1, "QDRANT_HOST names a server that does not answer: nothing listens at 127.0.0.1:9.\n"),
        ),
        (
            {"QDRANT_HOST": "127.0.0.1", "QDRANT_TLS_CA_FILE": "/nowhere/ca.pem"},
            (1, "QDRANT_TLS_CA_FILE names /nowhere/ca.pem, which cannot be read: No such file or directory.\n"),
        ),
    ],
)
async def test_the_setup_without_a_server_says_so(settings: dict[str, str], ended: tuple[int, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QDRANT_")} | settings
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "datadir.qdrant.setup", cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await child.communicate()
    assert (child.returncode, said.decode()) == ended


def test_the_vector_stores_are_one_interface() -> None:
    implementations: list[type[Vectors]] = [EdgeVectors, QdrantVectors]
    methods = {name for name in vars(Vectors) if not name.startswith("_")}
    assert all(methods <= vars(implementation).keys() for implementation in implementations)
