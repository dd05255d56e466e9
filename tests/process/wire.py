"""How do tests speak HTTP byte by byte? One connection, what is sent when, what comes back, and when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx


@dataclass
class Wire:
    """One open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        """Send some bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def ends(self, within: float) -> float:
        """Wait until the server ends the connection; after how many seconds it did."""
        began = monotonic()
        async with asyncio.timeout(within):
            with suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass
        return monotonic() - began


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    """A connection to the server at `url`."""
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def post(query: str, **headers: str) -> bytes:
    """The bytes of a whole POST."""
    body = json.dumps({"query": query}).encode()
    return head(len(body), **headers) + body


def head(length: int, **headers: str) -> bytes:
    """The head of a POST with a body of this length."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST /graphql HTTP/1.1\r\nhost: school\r\ncontent-type: application/json\r\n{more}"
        f"content-length: {length}\r\n\r\n"
    ).encode()


def refusal(body: bytes) -> tuple[str, str]:
    """Code and sentence of the one error in an answer."""
    found: dict[str, Any] = json.loads(body)
    (only,) = found["errors"]
    return only["extensions"]["code"], only["message"]
