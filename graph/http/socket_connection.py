"""How does a WebSocket end when its client does not read? At once, whatever is still waiting to be sent.

uvicorn's own close waits for a client that has stopped reading, and what a vanished client never took is kept for as
long as TCP hopes for it. Here a close is written down at once and the connection is gone a moment later; pings that
nobody reads the answers of are not answered.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

import orjson
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidState
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol

CLOSE: Final = "studygraph.close"
"""The ASGI extension: `scope["extensions"][CLOSE]["close"](code, reason)` closes without waiting for anything."""
LAST_SECONDS: Final = 5.0
"""How long a client may take to read what was sent before the end."""
LARGEST_BUFFER: Final = 64 * 1024
"""Bytes that wait for a client beyond those of the message under way."""


_CODES: Final = {405: "METHOD_NOT_ALLOWED", 500: "INTERNAL_SERVER_ERROR"}


class Handshakes(ServerProtocol):
    """The protocol itself, whose refusals are ours."""

    def reject(self, status: HTTPStatus | int, text: str) -> Response:
        """The answer to a handshake that is none. `text`, in words about headers, is not repeated."""
        told = {"code": _CODES.get(int(status), "BAD_REQUEST")}
        body = orjson.dumps({"errors": [{"message": "This does not open a WebSocket.", "extensions": told}]})
        headers = Headers(
            [
                ("Content-Type", "application/json; charset=utf-8"),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("Connection", "close"),
                ("Content-Length", str(len(body))),
            ]
        )
        return Response(int(status), HTTPStatus(status).phrase, headers, body)


class SocketConnection(WebSocketsSansIOProtocol):
    """One WebSocket."""

    _lost: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        # As uvicorn makes it: we compress nothing.
        self.conn = Handshakes(max_size=self.config.ws_max_size, logger=self.logger)

    def connection_made(self, transport: Any) -> None:
        """The handshake is about to come."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=LARGEST_BUFFER)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self._lost is not None:
            self._lost.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came. What cannot even be read as a handshake has no other answer."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            refusal = self.conn.reject(HTTPStatus.BAD_REQUEST, "")
            self.transport.write(b"".join(self.conn.data_to_send()) or refusal.serialize())
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """A message is complete. Text has to be text."""
        if self.conn.state is not State.OPEN:
            # After its own close a client has nothing more to say.
            self.frames = []
            return
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    async def run_asgi(self) -> None:
        """Hand the connection over, with a way to end it."""
        extensions: dict[str, Any] = cast("dict[str, Any]", self.scope["extensions"])
        extensions[CLOSE] = {"close": self.close_now}
        await super().run_asgi()
        self._lose_soon()

    async def send(self, message: Any) -> None:
        """Send; what comes after the end is left out."""
        try:
            await super().send(message)
        except (ClientDisconnected, InvalidState, RuntimeError):
            if not (self.close_sent or self.disconnected or self.transport.is_closing()):
                raise
        if message["type"] == "websocket.http.response.body":
            # uvicorn would log that there was no handshake, which is what we have just said.
            self.handshake_complete = True

    def close_now(self, code: int, reason: str) -> None:
        """Close, also where the client does not read. Does nothing the second time."""
        if self.close_sent or self.disconnected:
            return
        self.stop_keepalive()
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            self.transport.abort()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        # Whoever waits for room to write waits no more: what it writes now is left out.
        self.writable.set()
        self.resume_reading()
        self.close_timer = self.loop.call_later(LAST_SECONDS, self.transport.abort)

    def resume_reading(self) -> None:
        """Read on: the client's own close is still to come."""
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        if not self.close_sent:
            super().pause_writing()

    def handle_ping(self) -> None:
        """Answer, unless the client does not read: a flood of pings then fills nothing."""
        pong = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(pong))

    def keepalive_timeout(self) -> None:
        """The client has vanished."""
        super().keepalive_timeout()
        self.transport.abort()

    def shutdown(self) -> None:
        """The server ends: 1012, and nobody is waited for."""
        super().shutdown()
        self._lose_soon()

    def _lose_soon(self) -> None:
        if self._lost is None and not self.disconnected:
            self._lost = self.loop.call_later(LAST_SECONDS, self.transport.abort)
