"""How does a store come to refuse connections, and to take them again, untouched? It stands behind a door."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Final

_CHUNK: Final = 65536


class Door:
    """A port of this machine that leads to a store's socket while it is open. Works in a thread of its own."""

    def __init__(self, path: str) -> None:
        """`path` is the unix socket of the store."""
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._wires: set[asyncio.StreamWriter] = set()
        self.port = 0

    def __enter__(self) -> Door:
        self._thread.start()
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        """Let connections through; always at the same port."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def close(self) -> None:
        """End all connections; new ones are refused."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._through, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for wire in list(self._wires):
            wire.transport.abort()
        await asyncio.sleep(0.05)

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        store_reader, store_writer = await asyncio.open_unix_connection(self._path)
        wires = {writer, store_writer}
        self._wires |= wires
        try:
            await asyncio.gather(_passed(reader, store_writer), _passed(store_reader, writer))
        finally:
            self._wires -= wires
            for wire in wires:
                wire.close()


async def _passed(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()
