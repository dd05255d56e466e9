"""Does a signed link open its one file, by GET, until it ends, and nothing else?"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from datadir.minio.embedded import FolderObjects
from tests.http.refusals import refusal
from tests.running_school import RunningSchool

REFUSED = "This link was altered, has ended, or is opened the wrong way."


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


@pytest_asyncio.fixture(scope="session")
async def link(school: RunningSchool) -> str:
    """The path of a document's link."""
    query = "query ($id: ID!) { node(id: $id) { ... on Document { downloadUrl } } }"
    answer = await school.ask(query, {"id": school.ids["document"]}, "student")
    return path_of(answer["data"]["node"]["downloadUrl"])


@pytest_asyncio.fixture(scope="session")
async def file(school: RunningSchool, link: str) -> httpx.Response:
    """What the link opens."""
    return await school.http.get(link)


async def test_it_opens_the_file_to_save_and_never_to_run(file: httpx.Response) -> None:
    assert file.status_code == 200
    assert len(file.content) == int(file.headers["content-length"]) > 1000
    assert file.headers["content-disposition"].startswith("attachment; ")
    assert file.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["cache-control"] == "private, no-store"
    assert file.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "part"),
    [("bytes=0-0", slice(0, 1)), ("bytes=10-19", slice(10, 20)), ("bytes=100-", slice(100, None))],
)
async def test_a_range_is_a_part(
    school: RunningSchool, link: str, file: httpx.Response, wanted: str, part: slice
) -> None:
    response = await school.http.get(link, headers={"range": wanted})
    assert response.status_code == 206
    assert response.content == file.content[part]
    first = part.start
    assert response.headers["content-range"] == (
        f"bytes {first}-{first + len(response.content) - 1}/{len(file.content)}"
    )


@pytest.mark.parametrize("wanted", ["bytes=5-1", "bytes=-", "lines=0-1", "bytes=0-1,5-6", "x", "bytes=a-b"])
async def test_a_range_that_makes_no_sense_is_as_if_left_out(
    school: RunningSchool, link: str, file: httpx.Response, wanted: str
) -> None:
    response = await school.http.get(link, headers={"range": wanted})
    assert (response.status_code, response.content) == (200, file.content)


@pytest.mark.parametrize("first", [10_000_000, 999_999_999_999_999])
async def test_a_range_behind_the_end_is_416(school: RunningSchool, link: str, first: int) -> None:
    response = await school.http.get(link, headers={"range": f"bytes={first}-"})
    assert response.status_code == 416
    assert refusal(response)[:2] == ("BAD_REQUEST", "The range begins behind the last byte.")


@pytest.mark.parametrize(
    "altered",
    [
        lambda token: "x" + token[1:],
        # Not its last character, which holds fewer bits than it could: some that look different say the same.
        lambda token: token[:-2] + ("a" if token[-2] != "a" else "b") + token[-1],
        lambda token: token[:-1],
        lambda token: token + "x",
        lambda token: token.rsplit(".", 1)[0],
        lambda token: "x",
        lambda token: "%ff",
        lambda token: "x" * 5000,
    ],
)
async def test_an_altered_link_opens_nothing(school: RunningSchool, link: str, altered: Callable[[str], str]) -> None:
    response = await school.http.get("/objects/" + altered(link.removeprefix("/objects/")))
    assert response.status_code == 403
    assert refusal(response)[:2] == ("FORBIDDEN", REFUSED)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_link_is_for_reading(school: RunningSchool, link: str, method: str) -> None:
    response = await school.http.request(method, link)
    assert response.status_code == 403
    assert refusal(response)[:2] == ("FORBIDDEN", REFUSED)


async def test_a_link_ends(school: RunningSchool, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = school.services.stores.objects
    assert isinstance(objects, FolderObjects)
    await objects.put("tests/ends.txt", b"hello", "text/plain")
    with monkeypatch.context() as earlier:
        earlier.setattr(objects, "_now", lambda: time.time() - 120)
        ended = path_of(await objects.link("tests/ends.txt", expires=timedelta(seconds=60)))
        open_still = path_of(await objects.link("tests/ends.txt", expires=timedelta(seconds=600)))
    assert (await school.http.get(open_still)).content == b"hello"
    response = await school.http.get(ended)
    assert response.status_code == 403
    assert refusal(response)[:2] == ("FORBIDDEN", REFUSED)
    await objects.delete("tests/ends.txt")
    gone = await school.http.get(open_still)
    assert gone.status_code == 404
    assert refusal(gone)[:2] == ("NOT_FOUND", "The object behind this link is gone.")
