"""Is a large JSON body sent as gzip to who takes it, and nothing else ever?"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from graph.http.compression import takes_gzip
from tests.http.partly import asking
from tests.listening import Listening, listening
from tests.running_school import RunningSchool

LARGE = "{ __schema { types { name description fields { name description } } } }"


@pytest_asyncio.fixture(scope="session")
async def served(school: RunningSchool) -> AsyncIterator[Listening]:
    """A running server."""
    async with listening(school) as server:
        yield server


async def raw(served: Listening, query: str, **headers: str) -> tuple[httpx.Headers, bytes]:
    """Headers and bytes as they came over the wire."""
    async with httpx.AsyncClient(trust_env=False) as client:
        sent = {"accept-encoding": "identity", **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with client.stream("POST", served.url, json={"query": query}, headers=sent) as response:
            return response.headers, b"".join([part async for part in response.aiter_raw()])


async def test_a_large_body_is_packed_for_who_takes_gzip(served: Listening) -> None:
    plain_headers, plain = await raw(served, LARGE)
    headers, packed = await raw(served, LARGE, accept_encoding="gzip, deflate, br")
    assert "content-encoding" not in plain_headers
    assert (headers["content-encoding"], int(headers["content-length"])) == ("gzip", len(packed))
    assert "Accept-Encoding" in headers["vary"]
    assert "Accept-Encoding" in plain_headers["vary"]
    assert json.loads(zlib.decompress(packed, 31))["data"] == json.loads(plain)["data"]
    assert len(packed) < len(plain) / 4


async def test_a_small_body_is_sent_as_it_is(served: Listening) -> None:
    headers, _ = await raw(served, "{ __typename }", accept_encoding="gzip")
    assert "content-encoding" not in headers


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed"])
async def test_a_stream_is_never_packed(served: Listening, accept: str) -> None:
    async with asking(served, LARGE, accept=accept, accept_encoding="gzip") as parts:
        assert "content-encoding" not in parts.headers


@pytest.mark.parametrize(
    ("accept_encoding", "taken"),
    [
        (None, False),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("br, gzip;q=0.000", False),
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("*", True),
        ("*;q=0", False),
        ("*, gzip;q=0", False),
    ],
)
def test_who_takes_gzip(accept_encoding: str | None, taken: bool) -> None:
    assert takes_gzip(accept_encoding) is taken
