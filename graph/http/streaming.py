"""How does one response carry many answers? Part by part, with a sign of life between, until the operation, the
session, the client or the server ends.

Only one part is on its way at a time: a client that reads slowly is told less, and one that does not read is dropped.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

import structlog
from starlette.types import Receive, Send

from graph.answers import refused
from graph.http import event_stream, multipart_stream
from graph.http.admission import Admission
from graph.http.connection import STALLED_SECONDS
from graph.http.envelope import Envelope
from graph.http.incoming import gone
from graph.http.listeners import Listeners
from graph.http.negotiation import StreamType
from graph.http.operations import Answered, Kind, Operations, slow_consumer
from graph.http.statuses import ENVELOPE_STATUSES

log = structlog.get_logger("studygraph.streams")

PULSE_SECONDS: Final = 15.0
"""Between two signs of life while nothing happens."""
FIRST_SECONDS: Final = 1.0
"""How long a response waits for its first part before it begins: what is refused at once still has a status."""


class Shape(NamedTuple):
    """The bytes of a response."""

    content_type: str
    opening: bytes
    part: Callable[[Answered], bytes]
    pulse: bytes | None
    end: bytes


def shape(stream: StreamType, kind: Kind) -> Shape:
    """How answers to an operation of this kind are written."""
    if stream == "event-stream":
        content_type = event_stream.CONTENT_TYPE + event_stream.PARAMETERS
        return Shape(content_type, event_stream.OPENING, event_stream.part, event_stream.PULSE, event_stream.END)
    opening, end = multipart_stream.OPENING, multipart_stream.END
    if kind == "subscription":
        content_type = multipart_stream.CONTENT_TYPE + multipart_stream.SUBSCRIPTION_PARAMETERS
        return Shape(content_type, opening, multipart_stream.event, multipart_stream.PULSE, end)
    content_type = multipart_stream.CONTENT_TYPE + multipart_stream.INCREMENTAL_PARAMETERS
    return Shape(content_type, opening, multipart_stream.patch, None, end)


class _Stalled(Exception):
    """The client does not read."""


class Streamed:
    """A response in parts, made of `answers`, whose `first` may still be on its way.

    `held` is what ends with it. `stopping` is set when the server is told to end: the stream then ends without its
    `complete`, so that the client comes back. `writes`: what is under way changes something, and is done to its end
    whoever is still there to hear of it; the server waits for it too."""

    def __init__(
        self,
        shape: Shape,
        answers: AsyncGenerator[Answered, None],
        first: asyncio.Task[Answered | None],
        *,
        headers: list[tuple[bytes, bytes]],
        held: ExitStack,
        ended: asyncio.Future[Answered],
        stopping: asyncio.Event,
        writes: bool,
        pulse_seconds: float,
        stalled_seconds: float,
    ) -> None:
        self._pulse_seconds = pulse_seconds
        self._stalled_seconds = stalled_seconds
        self._shape = shape
        self._answers = answers
        self._next = first
        self._headers = headers
        self._held = held
        self._ended = ended
        self._stopping = stopping
        self._writes = writes

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Send all of it."""
        leaving = asyncio.create_task(gone(receive))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await self._begin(send)
            await self._go_on(send, leaving, stopping)
        except _Stalled:
            transport = self._shape.content_type.partition(";")[0]
            log.warning("slow consumer", transport=transport, code=slow_consumer().code)
            # The connection is aborted by its own clock, at about this moment.
            await leaving
        finally:
            try:
                if self._writes:
                    await asyncio.wait((self._next,))
            finally:
                await self._end(leaving, stopping)

    async def _end(self, *waiting: asyncio.Task[Any]) -> None:
        for task in (self._next, *waiting):
            task.cancel()
        await asyncio.gather(self._next, *waiting, return_exceptions=True)
        self._held.close()
        await self._answers.aclose()

    async def _begin(self, send: Send) -> None:
        content_type = (b"content-type", self._shape.content_type.encode())
        # No proxy shall wait for more before it hands a part on.
        headers = [content_type, (b"x-accel-buffering", b"no"), *self._headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._write(send, self._shape.opening)

    async def _go_on(self, send: Send, leaving: asyncio.Task[None], stopping: asyncio.Task[Any]) -> None:
        while True:
            waited = (self._next, leaving, stopping, self._ended)
            done, _ = await asyncio.wait(waited, timeout=self._pulse_seconds, return_when=asyncio.FIRST_COMPLETED)
            if leaving in done:
                return
            if self._ended in done:
                await self._write(send, self._shape.part(self._ended.result()) + self._shape.end, last=True)
                return
            if self._next in done:
                answer = self._next.result()
                if answer is None:
                    await self._write(send, self._shape.end, last=True)
                    return
                await self._write(send, self._shape.part(answer))
                self._next = asyncio.create_task(following(self._answers))
            elif stopping in done:
                await self._write(send, b"", last=True)
                return
            elif not done and self._shape.pulse is not None:
                await self._write(send, self._shape.pulse)

    async def _write(self, send: Send, body: bytes, *, last: bool = False) -> None:
        if not body and not last:
            return
        try:
            async with asyncio.timeout(self._stalled_seconds):
                await send({"type": "http.response.body", "body": body, "more_body": not last})
        except TimeoutError:
            raise _Stalled from None


async def following(answers: AsyncGenerator[Answered, None]) -> Answered | None:
    """The next answer, None after the last."""
    return await anext(answers, None)


class Streams:
    """Begins streams."""

    # Set when the stores are open.
    graph: Operations
    listeners: Listeners
    # Set when the worker is told to end.
    stopping: asyncio.Event

    pulse_seconds = PULSE_SECONDS
    stalled_seconds = STALLED_SECONDS

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def begun(
        self,
        envelope: Envelope,
        stream: StreamType,
        kind: Kind,
        headers: list[tuple[bytes, bytes]],
        *,
        authorization: str | None,
        peer: str,
        after: str | None,
        **asked: Any,
    ) -> Streamed | Answered:
        """A stream of this operation, or the one answer that refuses it with a status. Raises RequestError."""
        ended: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()

        def end(why: Exception) -> None:
            if not ended.done():
                ended.set_result(refused(why, secrets.token_hex(8)))

        with ExitStack() as held:
            if kind == "subscription":
                held.enter_context(self._admission.socket())
                try:
                    viewer = await self.graph.viewer(authorization)
                except Exception as error:
                    return refused(error, secrets.token_hex(8))
                held.enter_context(self.listeners.joined(viewer, peer, end))
            else:
                await self._admission.enter()
                held.callback(self._admission.leave)
            answers = self.graph.stream(
                envelope, authorization=authorization, peer=peer, after=after, in_parts=True, **asked
            )
            first = asyncio.create_task(following(answers))
            try:
                await asyncio.wait([first], timeout=FIRST_SECONDS)
            except asyncio.CancelledError:
                first.cancel()
                raise
            answer = first.result() if first.done() else None
            if answer is not None and not answer.executed and answer.status in ENVELOPE_STATUSES:
                await answers.aclose()
                return answer
            return Streamed(
                shape(stream, kind),
                answers,
                first,
                headers=headers,
                held=held.pop_all(),
                ended=ended,
                # An answer that is about to come is told, as it is by POST.
                stopping=asyncio.Event() if kind == "mutation" else self.stopping,
                writes=kind == "mutation",
                pulse_seconds=self.pulse_seconds,
                stalled_seconds=self.stalled_seconds,
            )
