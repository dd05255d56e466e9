"""How do tests put TLS before a server that speaks without? A door on loopback that wants a client's certificate."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.certificates import GOOD_HOST, Authority, Identity


@asynccontextmanager
async def tls_front(authority: Authority, identity: Identity, port: int) -> AsyncIterator[int]:
    """The port of a door that shows this identity, lets in whom the authority signed, and leads to `port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.cert, identity.key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    wires: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        wires.add(task)
        with suppress(OSError, asyncio.CancelledError):
            await _joined(reader, writer, port)
        writer.close()
        wires.discard(task)

    server = await asyncio.start_server(serve, GOOD_HOST, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for wire in list(wires):
            wire.cancel()
        await asyncio.gather(*wires, return_exceptions=True)


async def _joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    behind, to_behind = await asyncio.open_connection(GOOD_HOST, port)

    async def passed_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while said := await source.read(65536):
            sink.write(said)
            await sink.drain()

    halves = [asyncio.ensure_future(passed_on(reader, to_behind)), asyncio.ensure_future(passed_on(behind, writer))]
    try:
        await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for half in halves:
            half.cancel()
        await asyncio.gather(*halves, return_exceptions=True)
        to_behind.close()
