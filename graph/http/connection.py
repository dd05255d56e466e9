"""How long may a client take? One HTTP connection: what it sends counted while it comes, silence and trickling ended.

uvicorn waits for ever for the rest of a request, and for a client that reads. Here three clocks run for a connection,
looked at now and then by `watch_clocks` (a timer of its own for each request would cost more than all this):

- *receiving*: from the first byte of a request, or the connection itself, to the request's last byte;
- *idle*: from the answer to the next request;
- *stalled*: since the client stopped reading while there is more for it than the buffer holds.

Told to stop, a connection finishes what has begun: a request under way, one that is still coming in, one that was sent
before the client could know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, cast

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

LARGEST_HEAD: Final = 32 * 1024
"""Bytes of request line and headers."""
STALLED_SECONDS: Final = 10.0
"""How long a client may not read while its buffer is full."""
LAST_WORDS_SECONDS: Final = 0.5
"""How long an idle connection stays open once we are told to stop: what was sent before that is still answered."""
EVERY: Final = 0.25
"""Seconds between two looks at the clocks."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a client has."""

    receive: float
    keep_alive: float


class _Whole:
    """The transport, for answers: uvicorn writes the head of one, then its body, each with a system call and in a
    packet of its own. Where the body's length is known, so that it follows at once, both go out as one."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._answer: RequestResponseCycle | None = None
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def begin(self, answer: RequestResponseCycle) -> None:
        """What is written next is of this answer."""
        self._answer, self._head = answer, None
        answer.transport = cast("asyncio.Transport", self)

    def write(self, data: bytes) -> None:
        """Send this, unless it is a head whose body follows."""
        answer, head = self._answer, self._head
        if head is not None:
            self._head = None
            self._transport.writelines((head, data))
        elif answer is not None and answer.response_started:
            # The first that is written of it. "100 Continue" comes before that, and waits for nothing.
            self._answer = None
            if answer.chunked_encoding is False and answer.scope["method"] != "HEAD":
                self._head = data
            else:
                self._transport.write(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close it once all is sent, though there may be no body."""
        if self._head is not None:
            self.write(b"")
        self._transport.close()


class Connection(HttpToolsProtocol):
    """One connection of HTTP."""

    patience: Patience

    # Moments of `monotonic()`, 0.0 where the clock stands still.
    _receiving_since = 0.0
    _idle_since = 0.0
    _stalled_since = 0.0
    _closing_since = 0.0
    _stopping = False
    # Bytes of a head that is not complete.
    _head = 0
    _in_head = False
    _running: RequestResponseCycle | None = None
    _whole: _Whole

    def connection_made(self, transport: Any) -> None:
        """A client is there, and shall say what it wants."""
        super().connection_made(transport)
        self._whole = _Whole(transport)
        self._receiving_since = monotonic()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._idle_since = 0.0
        if not self._receiving_since:
            self._receiving_since = monotonic()
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > LARGEST_HEAD and not self.transport.is_closing():
                sentence = f"The headers of a request hold at most {LARGEST_HEAD:,} bytes."
                self._refuse(431, "BAD_REQUEST", sentence)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head = True, 0
        self._receiving_since = self._receiving_since or monotonic()

    def on_headers_complete(self) -> None:
        """Its headers are there."""
        self._in_head = False
        super().on_headers_complete()
        if self._stopping and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._receiving_since = 0.0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: nothing of what it sent is answered any more."""
        self.pipeline.clear()
        if self._running is not None:
            # uvicorn tells the request that came last, which need not be the one that is being answered.
            self._running.disconnected = not self._running.response_complete
            self._running.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._whole.begin(cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """It is answered. uvicorn's, with a clock instead of a timer for each answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since = monotonic()

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._stalled_since = monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._stalled_since = 0.0
        super().resume_writing()

    def shutdown(self) -> None:
        """No further requests but those that were sent before the client could know."""
        self._stopping = True
        if self.cycle is None or self.cycle.response_complete:
            if not self._in_head:
                self._idle_since = monotonic() - self.patience.keep_alive + LAST_WORDS_SECONDS
                self._receiving_since = 0.0
            return
        self.cycle.keep_alive = False
        for waiting, _ in self.pipeline:
            waiting.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered as every failure is."""
        self._refuse(400, "BAD_REQUEST", "This is no HTTP request.")

    def look(self, now: float) -> None:
        """End what takes too long."""
        transport = self.transport
        if transport.is_closing():
            # A client that does not read would never let the rest go.
            self._closing_since = self._closing_since or now
            if now - self._closing_since > STALLED_SECONDS:
                transport.abort()
        elif self._stalled_since and now - self._stalled_since > STALLED_SECONDS:
            transport.abort()
        elif self._receiving_since and now - self._receiving_since > self.patience.receive:
            # While we do not read, it is not the client who is slow.
            if not self.flow.read_paused:
                transport.abort()
        elif self._idle_since and now - self._idle_since > self.patience.keep_alive:
            transport.close()

    def _refuse(self, status: int, code: str, sentence: str) -> None:
        body = orjson.dumps({"errors": [{"message": sentence, "extensions": {"code": code}}]})
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
            + b"x-content-type-options: nosniff\r\nconnection: close\r\n"
            + b"content-length: %d\r\n\r\n" % len(body)
            + body
        )
        self.transport.close()


def with_patience(patience: Patience) -> type[Connection]:
    """The class of connections whose clients have this patience: uvicorn makes them itself."""
    return type("Connection", (Connection,), {"patience": patience})


async def watch_clocks(connections: Iterable[object]) -> None:
    """Look at the clocks of all HTTP connections among these, until cancelled."""
    while True:
        await asyncio.sleep(EVERY)
        now = monotonic()
        for each in list(connections):
            if isinstance(each, Connection):
                each.look(now)
