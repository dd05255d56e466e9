"""How does a WebSocket end when its client does not read? At once, whatever is still waiting to be sent.

uvicorn's own close waits for a client that has stopped reading, and what a vanished client never took is kept for as
long as TCP hopes for it. Here a close is written down at once and the connection is gone a moment later; pings that
nobody reads the answers of are not answered.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

CLOSE: Final = "studygraph.close"
"""The ASGI extension: `scope["extensions"][CLOSE]["close"](code, reason)` closes without waiting for anything."""
LAST_SECONDS: Final = 5.0
"""How long a client may take to read what was sent before the end."""
LARGEST_BUFFER: Final = 64 * 1024
"""Bytes that wait for a client beyond those of the message under way."""


class SocketConnection(WebSocketsSansIOProtocol):
    """One WebSocket."""

    _lost: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """The handshake is about to come."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=LARGEST_BUFFER)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self._lost is not None:
            self._lost.cancel()
        super().connection_lost(exc)

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
