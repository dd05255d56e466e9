"""What does object storage promise, whether a folder or an S3 server keeps it?"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest

from datadir.errors import ObjectNotFound
from datadir.ledger import kept
from datadir.minio.client import Objects
from datadir.minio.errors import BadObjectKey, BadRange, ObjectTooLarge
from datadir.minio.stored import Listed, ObjectHead, StoredObject
from datadir.names import StoreName

LIMIT = 1024 * 1024
MINUTE = timedelta(minutes=1)
WAV = bytes(range(256)) * 40


class Visit(NamedTuple):
    """What a browser sees when it follows a link."""

    status: int
    body: bytes
    disposition: str | None


Browser = Callable[..., Awaitable[Visit]]


def another(char: str) -> str:
    """A different character that a signature may have."""
    return "a" if char != "a" else "b"


class ObjectsContract:
    """`objects` holds at most 1 MiB an object, `browser(url, method="GET")` follows links, `expired(key)` makes a
    link whose time is over."""

    async def test_an_object_comes_back_with_its_type_and_size(self, objects: Objects) -> None:
        key = f"recordings/{uuid4()}/one.wav"
        await objects.put(key, WAV, "audio/wav")
        assert await objects.get(key) == StoredObject(WAV, "audio/wav", 10240, 10240)
        assert await objects.head(key) == ObjectHead(key, "audio/wav", 10240)

    async def test_a_second_put_replaces_bytes_and_type(self, objects: Objects) -> None:
        key = f"documents/{uuid4()}/page.txt"
        await objects.put(key, b"first, and longer", "text/plain")
        await objects.put(key, b"second", "text/markdown")
        assert await objects.get(key) == StoredObject(b"second", "text/markdown", 6, 6)

    async def test_an_empty_object_is_an_object(self, objects: Objects) -> None:
        key = f"documents/{uuid4()}/empty"
        await objects.put(key, b"", "application/octet-stream")
        assert await objects.get(key) == StoredObject(b"", "application/octet-stream", 0, 0)
        with pytest.raises(BadRange):
            await objects.get(key, (0, 1))

    async def test_ranges_are_half_open_and_end_with_the_object(self, objects: Objects) -> None:
        key = f"recordings/{uuid4()}/ranges.wav"
        await objects.put(key, WAV, "audio/wav")
        assert await objects.get(key, (0, 1)) == StoredObject(b"\x00", "audio/wav", 1, 10240)
        assert await objects.get(key, (250, 260)) == StoredObject(WAV[250:260], "audio/wav", 10, 10240)
        assert await objects.get(key, (10239, 10240)) == StoredObject(b"\xff", "audio/wav", 1, 10240)
        assert await objects.get(key, (10000, 99999)) == StoredObject(WAV[10000:], "audio/wav", 240, 10240)

    async def test_a_range_behind_the_end_is_refused_with_the_size(self, objects: Objects) -> None:
        key = f"recordings/{uuid4()}/short.wav"
        await objects.put(key, WAV, "audio/wav")
        with pytest.raises(BadRange) as refused:
            await objects.get(key, (10240, 10241))
        assert refused.value.total in (10240, 0)  # 0: the server does not say

    @pytest.mark.parametrize("wanted", [(5, 5), (6, 5), (-1, 5), (-5, -1)])
    async def test_what_is_no_range_is_a_defect_of_the_caller(self, objects: Objects, wanted: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="not a range"):
            await objects.get("recordings/any", wanted)

    async def test_a_missing_key_is_not_found(self, objects: Objects) -> None:
        key = f"recordings/{uuid4()}/none.wav"
        for question in (objects.get(key), objects.head(key), objects.get(key, (0, 5))):
            with pytest.raises(ObjectNotFound) as missing:
                await question
            assert missing.value.key == key

    async def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(self, objects: Objects) -> None:
        key = f"documents/{uuid4()}/gone.pdf"
        await objects.put(key, b"%PDF", "application/pdf")
        await objects.delete(key)
        await objects.delete(key)
        with pytest.raises(ObjectNotFound):
            await objects.head(key)

    async def test_an_object_at_the_limit_is_kept_and_one_byte_more_is_refused(self, objects: Objects) -> None:
        key = f"documents/{uuid4()}/large"
        await objects.put(key, b"x" * LIMIT, "text/plain")
        with pytest.raises(ObjectTooLarge) as refused:
            await objects.put(key, b"y" * (LIMIT + 1), "text/plain")
        assert (refused.value.size, refused.value.limit) == (LIMIT + 1, LIMIT)
        assert (await objects.get(key, (0, 3))).data == b"xxx"

    @pytest.mark.parametrize(
        "key",
        [
            "", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "./a", "a/./b", "a\x00b", "a\nb",
            "a\x7fb", "a\\b", "\ud800", "x" * 256, "/".join(["x" * 200] * 3),
        ],
    )  # fmt: skip
    async def test_names_that_no_object_may_have(self, objects: Objects, key: str) -> None:
        for refused in (
            objects.put(key, b"", "text/plain"),
            objects.get(key),
            objects.head(key),
            objects.delete(key),
            objects.link(key, expires=MINUTE),
        ):
            with pytest.raises(BadObjectKey):
                await refused

    @pytest.mark.parametrize(
        "name",
        [
            "with space.txt", "naïve café.txt", "Übung 3 – Lösung.pdf", "数学.md", "тест/файл", "a+b&c=d?e#f.txt",
            "100%.txt", "%2e%2e", "...", "~tilde@", "'quoted\"", "emoji 🎓.txt", "x" * 255, "é" * 127,
        ],
    )  # fmt: skip
    async def test_spaces_and_unicode_survive(self, objects: Objects, browser: Browser, name: str) -> None:
        key = f"documents/{uuid4()}/{name}"
        await objects.put(key, name.encode(), "text/plain")
        assert (await objects.get(key)).data == name.encode()
        assert [each.key for each in await objects.list(key.rsplit("/", 1)[0])] == [key]
        assert (await browser(await objects.link(key, expires=MINUTE))).body == name.encode()

    async def test_one_name_in_two_unicode_forms_is_one_object(self, objects: Objects) -> None:
        folder = f"documents/{uuid4()}"
        await objects.put(f"{folder}/{unicodedata.normalize('NFD', 'café')}", b"1", "text/plain")
        assert (await objects.get(f"{folder}/{unicodedata.normalize('NFC', 'café')}")).data == b"1"
        assert [each.key for each in await objects.list(folder)] == [f"{folder}/café"]

    async def test_letters_differ_by_case(self, objects: Objects) -> None:
        folder = f"documents/{uuid4()}"
        await objects.put(f"{folder}/Page", b"upper", "text/plain")
        await objects.put(f"{folder}/page", b"lower", "text/plain")
        assert (await objects.get(f"{folder}/Page")).data == b"upper"

    async def test_a_listing_is_ordered_and_keeps_to_whole_segments(self, objects: Objects) -> None:
        folder = f"documents/{uuid4()}"
        for name in ("1/b.txt", "1/a.txt", "10/c.txt", "1/d/e.txt"):
            await objects.put(f"{folder}/{name}", name.encode(), "text/plain")
        below = (Listed(f"{folder}/1/a.txt", 7), Listed(f"{folder}/1/b.txt", 7), Listed(f"{folder}/1/d/e.txt", 9))
        assert await objects.list(f"{folder}/1") == below
        assert await objects.list(f"{folder}/1/") == below
        assert await objects.list(f"{folder}/2") == ()

    async def test_deleting_a_prefix_leaves_its_neighbours(self, objects: Objects) -> None:
        folder = f"recordings/{uuid4()}"
        for name in ("1/a.wav", "1/b/c.wav", "10/d.wav"):
            await objects.put(f"{folder}/{name}", b"RIFF", "audio/wav")
        assert await objects.delete_prefix(f"{folder}/1") == 2
        assert await objects.delete_prefix(f"{folder}/1") == 0
        assert await objects.list(folder) == (Listed(f"{folder}/10/d.wav", 4),)

    async def test_nothing_lists_or_deletes_the_whole_store(self, objects: Objects) -> None:
        for everything in ("", "/"):
            with pytest.raises(BadObjectKey):
                await objects.delete_prefix(everything)
            with pytest.raises(BadObjectKey):
                await objects.list(everything)

    async def test_of_many_writers_of_one_key_one_wins_whole(self, objects: Objects) -> None:
        key = f"documents/{uuid4()}/raced"
        await asyncio.gather(*(objects.put(key, bytes([n]) * 50_000, f"text/x-{n}") for n in range(8)))
        kept_object = await objects.get(key)
        winner = kept_object.data[0]
        assert kept_object == StoredObject(bytes([winner]) * 50_000, f"text/x-{winner}", 50_000, 50_000)

    async def test_writing_beside_deleting_loses_nothing(self, objects: Objects) -> None:
        folder = f"documents/{uuid4()}"
        for round_ in range(10):
            await objects.put(f"{folder}/old", b"old", "text/plain")
            await asyncio.gather(objects.delete(f"{folder}/old"), objects.put(f"{folder}/new", b"new", "text/plain"))
            assert (await objects.get(f"{folder}/new")).data == b"new", round_
            await objects.delete(f"{folder}/new")

    async def test_a_link_opens_its_object_and_names_the_download(self, objects: Objects, browser: Browser) -> None:
        key = f"recordings/{uuid4()}/lesson.wav"
        await objects.put(key, WAV, "audio/wav")
        assert await browser(await objects.link(key, expires=MINUTE)) == Visit(200, WAV, None)
        named = await browser(await objects.link(key, expires=MINUTE, filename='Übung "3"\n.wav'))
        assert named.body == WAV
        assert named.disposition == ("attachment; filename=\"_bung _3__.wav\"; filename*=UTF-8''%C3%9Cbung%20_3__.wav")

    async def test_a_link_opens_nothing_with_another_method(self, objects: Objects, browser: Browser) -> None:
        key = f"recordings/{uuid4()}/lesson.wav"
        await objects.put(key, WAV, "audio/wav")
        url = await objects.link(key, expires=MINUTE)
        for method in ("HEAD", "PUT", "POST", "DELETE"):
            assert (await browser(url, method=method)).status in (403, 405, 400), method
        assert (await objects.get(key)).data == WAV

    async def test_an_altered_link_opens_nothing(self, objects: Objects, browser: Browser) -> None:
        key, other = f"recordings/{uuid4()}/mine.wav", f"recordings/{uuid4()}/hers.wav"
        for each in (key, other):
            await objects.put(each, WAV, "audio/wav")
        url, foreign = await objects.link(key, expires=MINUTE), await objects.link(other, expires=MINUTE)
        assert (await browser(self.altered(url))).status == 403
        assert (await browser(self.with_the_key_of(url, foreign, key, other))).status == 403

    async def test_a_link_opens_nothing_after_its_time(
        self, objects: Objects, browser: Browser, expired: Callable[[str], Awaitable[str]]
    ) -> None:
        key = f"recordings/{uuid4()}/late.wav"
        await objects.put(key, WAV, "audio/wav")
        assert (await browser(await expired(key))).status == 403

    @pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(seconds=900, microseconds=1)])
    async def test_no_link_lives_longer_than_fifteen_minutes(self, objects: Objects, lifetime: timedelta) -> None:
        with pytest.raises(ValueError, match="a link lives"):
            await objects.link("recordings/any", expires=lifetime)

    async def test_links_cost_no_store_call_and_everything_else_one(self, objects: Objects) -> None:
        key = f"recordings/{uuid4()}/counted.wav"
        with kept() as ledger:
            for _ in range(5):
                await objects.link(key, expires=timedelta(seconds=900))
            assert ledger.stores == {}
            await objects.put(key, WAV, "audio/wav")
            await objects.get(key)
            await objects.head(key)
        assert (ledger.stores[StoreName.MINIO].calls, ledger.stores[StoreName.MINIO].rows) == (3, 2)

    async def test_the_store_says_what_it_is(self, objects: Objects) -> None:
        assert await objects.ping()

    def altered(self, url: str) -> str:
        """The same link with one character of its signature changed."""
        raise NotImplementedError

    def with_the_key_of(self, url: str, foreign: str, key: str, other: str) -> str:
        """The signature of one link over the key of another."""
        raise NotImplementedError
