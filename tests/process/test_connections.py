"""How long may a client take, how much may it send, and does anybody else notice? (Threats 12, 13.)"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from time import monotonic

import httpx
import pytest
import pytest_asyncio

from graph.http.connection import LARGEST_HEAD
from graph.http.envelope import LARGEST_BODY
from graph.settings import Settings
from tests.folders import passable_folder
from tests.prepared import copy_of_school
from tests.process.served import Served, serving
from tests.process.wire import Wire, head, post, refusal, wire

NAME = "{ __typename }"
RECEIVE, KEEP_ALIVE = 2, 3


@pytest_asyncio.fixture(scope="module")
async def served(kept_school: Path) -> AsyncIterator[Served]:
    """A server whose clients have less time than is usual."""
    with passable_folder() as folder:
        patience = {"STUDYGRAPH_RECEIVE_SECONDS": RECEIVE, "STUDYGRAPH_KEEP_ALIVE_SECONDS": KEEP_ALIVE}
        data = await copy_of_school(kept_school, folder / "data")
        async with serving(data, **patience) as served:
            yield served
            assert await served.end(signal.SIGTERM) == (0, []), "nothing of all this is worth a line in the log"


def test_a_client_has_less_than_fifteen_seconds_where_nobody_says_otherwise() -> None:
    assert Settings().receive_seconds == 10
    assert Settings().keep_alive_seconds == 12


async def silent(slow: Wire) -> None:
    """Says nothing at all."""


async def half_a_head(slow: Wire) -> None:
    """Stops within its headers."""
    await slow.say(b"POST /graphql HTTP/1.1\r\nhost: school\r\nx-a: ")


async def half_a_body(slow: Wire) -> None:
    """Stops within its body."""
    await slow.say(head(100) + b'{"query": ')


async def half_a_chunk(slow: Wire) -> None:
    """Stops within a chunk."""
    await slow.say(post("").replace(b"content-length: 13", b"transfer-encoding: chunked")[:-13] + b"ff\r\n{")


async def trickling(slow: Wire) -> None:
    """Sends its headers one byte at a time, for ever."""
    with suppress(ConnectionError):
        await slow.say(b"GET /graphql HTTP/1.1\r\nx-a: ")
        while True:
            await slow.say(b"a")
            await asyncio.sleep(0.1)


async def trickling_body(slow: Wire) -> None:
    """Sends its body one byte at a time, for ever."""
    with suppress(ConnectionError):
        await slow.say(head(LARGEST_BODY))
        while True:
            await slow.say(b" ")
            await asyncio.sleep(0.1)


WAYS = (silent, half_a_head, half_a_body, half_a_chunk, trickling, trickling_body)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_who_does_not_finish_a_request_in_time_is_cut_off(
    served: Served, way: Callable[[Wire], Awaitable[None]]
) -> None:
    async with wire(served.url) as slow:
        sending = asyncio.ensure_future(way(slow))
        took = await slow.ends(RECEIVE + 3)
        sending.cancel()
    assert took >= RECEIVE - 0.5


async def test_three_hundred_who_never_finish_keep_nobody_waiting(served: Served) -> None:
    async with AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(wire(served.url)) for _ in range(300)]
        talking = [asyncio.ensure_future(WAYS[at % len(WAYS)](each)) for at, each in enumerate(crowd)]
        ends = asyncio.gather(*(each.ends(RECEIVE + 8) for each in crowd))
        slowest, asked = 0.0, 0
        async with httpx.AsyncClient(trust_env=False, base_url=served.url) as others:
            while not ends.done():
                began = monotonic()
                assert (await others.post("/graphql", json={"query": NAME})).json()["data"] == {"__typename": "Query"}
                slowest, asked = max(slowest, monotonic() - began), asked + 1
                await asyncio.sleep(0.02)
        await ends
        for each in talking:
            each.cancel()
    assert asked >= 5
    assert slowest < 1


async def test_an_idle_connection_is_closed_but_one_that_is_used_is_not(served: Served) -> None:
    async with wire(served.url) as used, wire(served.url) as idle:
        await idle.say(post(NAME))
        assert (await idle.answer())[0] == 200
        waiting = asyncio.ensure_future(idle.ends(KEEP_ALIVE + 3))
        for _ in range(KEEP_ALIVE * 2 + 2):
            await used.say(post(NAME))
            assert (await used.answer())[0] == 200
            await asyncio.sleep(0.5)
        assert await waiting >= KEEP_ALIVE - 0.5


async def test_who_does_not_read_its_answers_is_cut_off(served: Served) -> None:
    async with wire(served.url) as deaf:
        page = b"GET /explorer/page.js HTTP/1.1\r\nhost: school\r\n\r\n"
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(20):
                while True:
                    await deaf.say(page * 100)
        assert deaf.reader.at_eof() or deaf.writer.is_closing() or deaf.reader.exception() is not None


async def test_pipelined_requests_are_answered_in_their_order(served: Served) -> None:
    async with wire(served.url) as eager:
        await eager.say(post("{ a: __typename }") + post("{ b: __typename }")[:-3])
        assert b'"a"' in (await eager.answer())[2]
        await eager.say(post("{ b: __typename }")[-3:] + post("{ c: __typename }"))
        assert b'"b"' in (await eager.answer())[2]
        assert b'"c"' in (await eager.answer())[2]


@pytest.mark.parametrize("bytes_", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"nonsense\r\n\r\n"])
async def test_what_is_no_http_is_refused_as_everything_is(served: Served, bytes_: bytes) -> None:
    async with wire(served.url) as stranger:
        await stranger.say(bytes_)
        status, headers, body = await stranger.answer()
        assert (status, refusal(body)) == (400, ("BAD_REQUEST", "This is no HTTP request."))
        assert headers["content-type"] == "application/json; charset=utf-8"
        await stranger.ends(1)


async def test_headers_are_counted_while_they_come(served: Served) -> None:
    async with wire(served.url) as endless:
        await endless.say(b"GET /graphql HTTP/1.1\r\n")
        # Not a line more: what arrives after the refusal resets the connection, and the refusal may be lost with it.
        for _ in range(LARGEST_HEAD // 1000 + 1):
            await endless.say(b"x-a: " + b"a" * 1000 + b"\r\n")
        status, _, body = await endless.answer()
        assert status == 431
        assert refusal(body) == ("BAD_REQUEST", f"The headers of a request hold at most {LARGEST_HEAD:,} bytes.")


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
async def test_a_body_is_counted_while_it_comes(served: Served, chunked: bool) -> None:
    async with wire(served.url) as large:
        begin = head(10**9)
        if chunked:
            begin = begin.replace(b"content-length: 1000000000", b"transfer-encoding: chunked")
        await large.say(begin)
        piece = b" " * 16_384
        part = b"4000\r\n" + piece + b"\r\n" if chunked else piece
        for _ in range(LARGEST_BODY // len(piece) + 1):
            await large.say(part)
        status, _, body = await large.answer()
        assert (status, refusal(body)[0]) == (413, "BODY_TOO_LARGE")
        # Whoever goes on all the same is cut off.
        with suppress(ConnectionError):
            async with asyncio.timeout(RECEIVE + 3):
                while True:
                    await large.say(part)
                    await asyncio.sleep(0.01)
