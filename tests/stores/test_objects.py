"""Does the folder keep the promise of object storage, and how does an S3 server fail? S3 itself: `tests/real`."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from datadir.errors import StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.minio.client import S3Objects
from datadir.minio.embedded import FolderObjects
from datadir.minio.errors import LinkRefused
from datadir.minio.keys import attachment
from tests.stores.objects_contract import LIMIT, MINUTE, Browser, ObjectsContract, Visit, another


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class TestFolder(ObjectsContract):
    """The embedded store, its links opened as the application's route does."""

    implementation = "a folder, embedded"

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest_asyncio.fixture
    async def objects(self, tmp_path: Path, clock: Clock) -> FolderObjects:
        return await FolderObjects.open(
            tmp_path / "with space", public_url="http://127.0.0.1:8000/", secret="one", max_bytes=LIMIT, now=clock
        )

    @pytest.fixture
    def browser(self, objects: FolderObjects) -> Browser:
        async def visit(url: str, method: str = "GET") -> Visit:
            start = "http://127.0.0.1:8000/objects/"
            assert url.startswith(start)
            try:
                opened = objects.open_link(url.removeprefix(start), method)
            except LinkRefused:
                return Visit(403, b"", None)
            found = await objects.get(opened.key)
            return Visit(200, found.data, attachment(opened.filename) if opened.filename else None)

        return visit

    @pytest.fixture
    def expired(self, objects: FolderObjects, clock: Clock) -> Callable[[str], Awaitable[str]]:
        async def make(key: str) -> str:
            url = await objects.link(key, expires=MINUTE)
            clock.now += 60
            return url

        return make

    def altered(self, url: str) -> str:
        return url[:-5] + another(url[-5]) + url[-4:]

    def with_the_key_of(self, url: str, foreign: str, key: str, other: str) -> str:
        return foreign.rpartition(".")[0] + "." + url.rpartition(".")[2]

    async def test_a_link_lives_until_its_last_second(self, objects: FolderObjects, clock: Clock) -> None:
        clock.now = 1_000_000.0
        token = (await objects.link("recordings/a", expires=MINUTE)).rpartition("/")[2]
        clock.now = 1_000_059.9
        assert objects.open_link(token, "GET") == ("recordings/a", None)
        clock.now = 1_000_060.0
        with pytest.raises(LinkRefused, match="expired"):
            objects.open_link(token, "GET")

    @pytest.mark.parametrize("token", ["", ".", "a.b", "\x00", "é" * 50, "x" * 10_000, "null.null"])
    async def test_what_was_never_signed_is_refused(self, objects: FolderObjects, token: str) -> None:
        with pytest.raises(LinkRefused):
            objects.open_link(token, "GET")

    async def test_another_secret_signs_for_nobody_here(self, objects: FolderObjects, tmp_path: Path) -> None:
        stranger = await FolderObjects.open(tmp_path / "other", public_url="http://127.0.0.1:8000", secret="two")
        url = await stranger.link("recordings/a", expires=MINUTE)
        with pytest.raises(LinkRefused):
            objects.open_link(url.rpartition("/")[2], "GET")

    async def test_objects_outlive_the_process_and_cut_off_uploads_do_not(
        self, objects: FolderObjects, tmp_path: Path
    ) -> None:
        await objects.put("documents/1/kept.txt", b"kept", "text/plain")
        (tmp_path / "with space" / "incoming" / "half").write_bytes(b"half of an upl")
        reopened = await FolderObjects.open(tmp_path / "with space", public_url="http://x", secret="one")
        assert (await reopened.get("documents/1/kept.txt")).data == b"kept"
        assert [each.name for each in (tmp_path / "with space" / "incoming").iterdir()] == []

    async def test_a_key_may_continue_another(self, objects: FolderObjects) -> None:
        await objects.put("documents/a", b"1", "text/plain")
        await objects.put("documents/a/b", b"2", "text/plain")
        await objects.put("documents/a@", b"3", "text/plain")
        assert [each.key for each in await objects.list("documents")] == [
            "documents/a",
            "documents/a/b",
            "documents/a@",
        ]

    async def test_deleting_the_last_object_takes_its_folders_away(
        self, objects: FolderObjects, tmp_path: Path
    ) -> None:
        await objects.put("documents/a/b/c", b"1", "text/plain")
        await objects.delete("documents/a/b/c")
        assert list((tmp_path / "with space" / "objects").iterdir()) == []

    async def test_a_damaged_file_is_a_store_that_fails_not_a_wrong_answer(
        self, objects: FolderObjects, tmp_path: Path
    ) -> None:
        await objects.put("documents/a", b"1", "text/plain")
        (tmp_path / "with space" / "objects" / "documents" / "a@").write_bytes(b"")
        with pytest.raises(StoreUnavailable, match="damaged"):
            await objects.get("documents/a")

    async def test_a_folder_that_cannot_be_made_is_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(StoreMisconfigured, match=r"Objects cannot be kept in .*file/objects: Not a directory"):
            await FolderObjects.open(tmp_path / "file" / "objects", public_url="http://x", secret="one")


async def test_an_s3_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(StoreMisconfigured) as refused:
        await S3Objects.open("http://127.0.0.1:9", "studygraph", access_key="a", secret_key="b")
    sentence = "S3_ENDPOINT_URL names a server that does not answer: nothing listens at 127.0.0.1:9."
    assert str(refused.value) == sentence


async def test_an_s3_address_without_a_scheme_is_a_sentence() -> None:
    with pytest.raises(StoreMisconfigured, match="S3_ENDPOINT_URL is not an address"):
        await S3Objects.open("no address", "studygraph", access_key="a", secret_key="b")


def test_the_signed_part_of_an_embedded_link_is_the_key_alone() -> None:
    """What a link carries is readable by whoever has it, so it is the key, a time and a name: nothing of the viewer."""
    objects = FolderObjects(Path("x"), public_url="http://x", secret="one", max_bytes=1, now=lambda: 1000.0)
    token = asyncio.run(objects.link("recordings/a", expires=MINUTE, filename="b")).rpartition("/")[2]
    payload = token.partition(".")[0]
    assert json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) == ["recordings/a", 1060, "b"]


@pytest_asyncio.fixture
async def unprepared(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Awaitable[S3Objects]]]:
    """S3 clients for servers that answer nothing, not even at the start."""

    async def nothing_to_prepare(self: S3Objects, endpoint_url: str, create: bool) -> None:
        return

    monkeypatch.setattr(S3Objects, "_prepare", nothing_to_prepare)
    opened: list[S3Objects] = []

    async def make(endpoint_url: str, **more: Any) -> S3Objects:
        opened.append(await S3Objects.open(endpoint_url, "studygraph", access_key="a", secret_key="b", **more))
        return opened[-1]

    yield make
    for each in opened:
        await each.close()


async def test_an_s3_server_that_hangs_is_given_up_at_the_deadline(
    unprepared: Callable[..., Awaitable[S3Objects]],
) -> None:
    hung = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hung.wait()
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    objects = await unprepared(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for question in (objects.head("a"), objects.get("a"), objects.list("a"), objects.ping()):
        started = time.perf_counter()
        with pytest.raises(StoreTimeout):
            await question
        assert 0.35 < time.perf_counter() - started < 1.0
    hung.set()
    server.close()
    await server.wait_closed()


async def test_an_s3_server_that_is_gone_is_unavailable(unprepared: Callable[..., Awaitable[S3Objects]]) -> None:
    objects = await unprepared("http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable):
        await objects.put("a", b"", "text/plain")


async def test_s3_links_are_signed_for_the_address_that_browsers_reach(
    unprepared: Callable[..., Awaitable[S3Objects]],
) -> None:
    objects = await unprepared("http://minio:9000", public_url="https://files.school.example")
    url = await objects.link("recordings/a b.wav", expires=MINUTE)
    assert url.startswith("https://files.school.example/studygraph/recordings/a%20b.wav?")
    assert "X-Amz-Expires=60&" in url
