"""What comes back? One connection for each request; HTTP and WebSocket frames read as they are."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httptools

from tests.fuzz.frames import CLOSE, LAST_WORD, TEXT
from tests.fuzz.requests import Sent

PATIENCE: Final = 60.0
"""Seconds until an answer that must come is given up."""
SILENCE: Final = 0.05
"""Seconds without a word after which a stream, or who waits for the rest of a request, has said enough for us."""
LONGEST_SILENCE: Final = 0.5
"""The same of a socket whose last word was swallowed by a frame that was cut."""
MOST_READ: Final = 4 << 20


@dataclass
class Heard:
    """What came back. `status` is 0 where nothing came; `lost`: the connection ended without an answer that was due.

    Of a socket: `messages` as they came, `close` the code of its close, 0 where it was still open."""

    status: int = 0
    kind: str = ""
    body: bytes = b""
    lost: bool = False
    endless: bool = False
    messages: list[str] = field(default_factory=list)
    close: int = 0


class Reading:
    """Both ends' HTTP, read by the parser that uvicorn reads with."""

    def __init__(self) -> None:
        self.complete = False
        self.headers: dict[str, str] = {}
        self.body = b""

    def on_message_begin(self) -> None:
        """Another one, after an interim one."""
        self.complete = False
        self.headers, self.body = {}, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """More of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """That was all."""
        self.complete = True


def due(wire: bytes) -> bool:
    """Whether an answer must come: the request is whole, or is none that could become one."""
    reading = Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(wire)
    except httptools.HttpParserUpgrade:
        return True
    except httptools.HttpParserError:
        return True
    return reading.complete


async def exchanged(host: str, port: int, sent: Sent) -> Heard:
    """Send, and read what comes."""
    reader, writer = await asyncio.open_connection(host, port, limit=MOST_READ)
    try:
        with suppress(ConnectionError):
            writer.write(sent.wire)
            await writer.drain()
        heard = await _answer(reader, sent)
        if heard.status == 101:
            await _socket(reader, writer, sent, heard)
        return heard
    finally:
        # What waits to be sent to somebody who has left is of no use to anybody.
        writer.transport.abort()


async def _answer(reader: asyncio.StreamReader, sent: Sent) -> Heard:
    reading = Reading()
    parser = httptools.HttpResponseParser(reading)
    expected = due(sent.wire)
    bodiless = sent.wire.startswith(b"HEAD ")
    heard = Heard()
    head = b""
    while not heard.endless and not reading.complete:
        try:
            wait = PATIENCE if expected and not _streams(reading) else SILENCE
            data = await asyncio.wait_for(_head(reader) if not head else reader.read(65536), wait)
        except TimeoutError:
            if expected and not _streams(reading):
                heard.lost = True
                return heard
            heard.endless = True
            break
        except (ConnectionError, asyncio.IncompleteReadError):
            data = b""
        if not data:
            heard.lost = expected and not head
            break
        if not head and data.split(b" ", 2)[1].startswith(b"1") and not data.startswith(b"HTTP/1.1 101"):
            continue
        head = head or data
        with suppress(httptools.HttpParserUpgrade):
            parser.feed_data(data)
        if bodiless or data.startswith(b"HTTP/1.1 101"):
            break
        heard.endless = len(reading.body) > MOST_READ
    if head:
        heard.status = int(head.split(b" ", 2)[1])
    heard.kind = reading.headers.get("content-type", "")
    heard.body = b"" if bodiless else _unpacked(reading)
    return heard


async def _head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def _streams(reading: Reading) -> bool:
    return reading.headers.get("content-type", "").startswith(("text/event-stream", "multipart/mixed"))


def _unpacked(reading: Reading) -> bytes:
    if reading.headers.get("content-encoding") != "gzip":
        return reading.body
    import gzip

    return gzip.decompress(reading.body)


async def _socket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: Sent, heard: Heard) -> None:
    with suppress(ConnectionError):
        writer.write(b"".join(sent.frames))
        await writer.drain()
    said_last = False
    while True:
        try:
            opcode, payload = await asyncio.wait_for(_frame(reader), SILENCE if said_last else LONGEST_SILENCE)
        except (TimeoutError, ConnectionResetError):
            # Reset: the server closed while more of ours was on its way, and its close was lost with that.
            return
        except asyncio.IncompleteReadError:
            heard.lost = True
            return
        if opcode == CLOSE:
            heard.close = int.from_bytes(payload[:2], "big") if payload else 1005
            return
        if opcode == TEXT:
            heard.messages.append(payload.decode())
            said_last = said_last or _is_last(payload)


def _is_last(payload: bytes) -> bool:
    message: Any = json.loads(payload)
    return isinstance(message, dict) and message.get("payload") == {"said": LAST_WORD}


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    return first & 0x0F, await reader.readexactly(size)
