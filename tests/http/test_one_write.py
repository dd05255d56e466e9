"""How many writes is an answer? Each is a system call, and a packet to the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from graph.http.connection import Patience, with_patience

HEAD = b"HTTP/1.1 200 OK\r\n"
GET = b"GET / HTTP/1.1\r\nhost: school\r\n\r\n"

App = Callable[[Any, Any, Any], Awaitable[None]]


class Recorder(asyncio.Transport):
    """A transport that remembers what is written to it, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """One write."""
        self.written.append(bytes(data))

    def writelines(self, parts: Any) -> None:
        """One write too."""
        self.written.append(b"".join(parts))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


def answering(*messages: dict[str, Any], between: Callable[[], Awaitable[None]] | None = None) -> App:
    """An application that sends these, with time to look between them."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
            if between is not None:
                await between()

    return app


def head(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def served(app: App, request: bytes = GET, transport: Recorder | None = None) -> list[bytes]:
    """What is written for this request, once all is done."""
    transport = transport or Recorder()
    config = Config(app, loop="none", lifespan="off", log_config=None, server_header=False, date_header=False)
    config.load()
    state = ServerState()
    connection = with_patience(Patience(10, 10))(config=config, server_state=state, app_state={})
    connection.connection_made(transport)
    connection.data_received(request)
    while state.tasks:
        await asyncio.gather(*state.tasks)
    return transport.written


async def test_an_answer_whose_length_is_known_is_one_write() -> None:
    written = await served(answering(head((b"content-length", b"4")), body(b"{ }\n")))
    assert written == [HEAD + b"content-length: 4\r\n\r\n{ }\n"]


async def test_each_of_two_requests_in_one_packet_is_answered_by_one_write() -> None:
    written = await served(answering(head((b"content-length", b"2")), body(b"{}")), GET + GET)
    assert written == [HEAD + b"content-length: 2\r\n\r\n{}"] * 2


async def test_an_empty_answer_is_sent() -> None:
    written = await served(answering(head((b"content-length", b"0")), body(b"")))
    assert written == [HEAD + b"content-length: 0\r\n\r\n"]


async def test_what_follows_the_first_part_of_a_body_waits_for_nothing() -> None:
    written = await served(answering(head((b"content-length", b"4")), body(b"{ ", more=True), body(b"}\n")))
    assert written == [HEAD + b"content-length: 4\r\n\r\n{ ", b"}\n"]


async def test_the_head_of_a_stream_goes_out_before_its_first_event() -> None:
    seen: list[list[bytes]] = []
    transport = Recorder()

    async def look() -> None:
        seen.append(list(transport.written))

    app = answering(head((b"content-type", b"text/event-stream")), body(b":\n\n", more=True), body(b""), between=look)
    await served(app, transport=transport)
    streaming = HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    assert seen[0] == [streaming]
    assert seen[-1] == [streaming, b"3\r\n:\n\n\r\n", b"0\r\n\r\n"]


async def test_the_answer_to_head_is_its_head() -> None:
    written = await served(answering(head((b"content-length", b"4")), body(b"")), GET.replace(b"GET", b"HEAD"))
    assert b"".join(written) == HEAD + b"content-length: 4\r\n\r\n"


async def test_a_client_that_asks_whether_to_go_on_is_told_before_the_answer() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await answering(head((b"content-length", b"2")), body(b"{}"))(scope, receive, send)

    request = b"POST / HTTP/1.1\r\nhost: school\r\nexpect: 100-continue\r\ncontent-length: 0\r\n\r\n"
    written = await served(app, request)
    assert written == [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"content-length: 2\r\n\r\n{}"]


async def test_an_answer_that_breaks_off_has_sent_its_head() -> None:
    transport = Recorder()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(head((b"content-length", b"4")))
        raise RuntimeError("broken")

    assert await served(app, transport=transport) == [HEAD + b"content-length: 4\r\n\r\n"]
    assert transport.closed
