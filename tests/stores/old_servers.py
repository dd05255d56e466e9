"""What would a server of an older release say? Just enough of each protocol to greet a client and name its version.

No package registry carries servers so old, and a start must not get further than this with one.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import bson

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[int]:
    """The port of a server on loopback that talks so with everybody."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


def postgresql(version: str) -> Talk:
    """Lets everybody in, says its version, and hangs up at the first word."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!i", len(body) + 4) + body

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        startup = 196608
        while True:
            [length] = struct.unpack("!i", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            if struct.unpack("!i", body[:4])[0] == startup:
                break
            writer.write(b"N")  # it was asked for TLS
        writer.write(message(b"R", struct.pack("!i", 0)))
        settings = {"server_version": version, "client_encoding": "UTF8", "integer_datetimes": "on"}
        for name, value in settings.items():
            writer.write(message(b"S", f"{name}\0{value}\0".encode()))
        writer.write(message(b"K", struct.pack("!ii", 1, 1)) + message(b"Z", b"I"))
        await reader.read(1)

    return talk


def redis(version: str, **more: str) -> Talk:
    """Answers INFO, and everything else with OK."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (first := await reader.readline()).startswith(b"*"):
            words = []
            for _ in range(int(first[1:])):
                length = int((await reader.readline())[1:])
                words.append(await reader.readexactly(length + 2))
            about = {"redis_version": version, "redis_mode": "standalone", **more}
            said = "# Server\r\n" + "".join(f"{name}:{value}\r\n" for name, value in about.items())
            writer.write(b"+OK\r\n" if words[0].upper() != b"INFO\r\n" else f"${len(said)}\r\n{said}\r\n".encode())

    return talk


def mongodb(version: str, wire: int, refused: str = "") -> Talk:
    """Greets, lists no collections, and says its version; `wire` is the newest protocol it speaks, `refused` a command
    that nobody may give."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            length, request, _, opcode = struct.unpack("<iiii", await reader.readexactly(16))
            body = await reader.readexactly(length - 16)
            asked = bson.decode(body[5:] if opcode == 2013 else body[body.index(b"\0", 4) + 9 :])
            reply = {
                "ok": 1.0,
                "ismaster": True,
                "helloOk": True,
                "maxWireVersion": wire,
                "minWireVersion": 0,
                "maxBsonObjectSize": 16777216,
                "maxMessageSizeBytes": 48000000,
                "maxWriteBatchSize": 100000,
                "version": version,
            }
            if "listCollections" in asked:
                reply = {"ok": 1.0, "cursor": {"id": 0, "ns": "x.$cmd.listCollections", "firstBatch": []}}
            if refused in asked:
                reply = {"ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized"}
            document = bson.encode(reply)
            if opcode == 2013:
                answer = struct.pack("<I", 0) + b"\0" + document
            else:
                answer = struct.pack("<iqii", 8, 0, 0, 1) + document
            kind = 2013 if opcode == 2013 else 1
            writer.write(struct.pack("<iiii", 16 + len(answer), 1, request, kind) + answer)

    return talk


def qdrant(version: str) -> Talk:
    """Answers every request with its version."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            said = json.dumps({"title": "qdrant - vector search engine", "version": version}).encode()
            head = f"HTTP/1.1 200 -\r\ncontent-type: application/json\r\ncontent-length: {len(said)}\r\n\r\n"
            writer.write(head.encode() + said)

    return talk


async def cassandra_3(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speaks versions 3 and 4 of the native protocol, and is asked for version 5."""
    said = b"Invalid or unsupported protocol version (5); supported versions are (3/v3, 4/v4)"
    body = struct.pack("!iH", 0x000A, len(said)) + said
    while head := await reader.readexactly(9):
        await reader.readexactly(struct.unpack("!i", head[5:])[0])
        writer.write(b"\x84\0" + head[2:4] + b"\0" + struct.pack("!i", len(body)) + body)


async def kafka_0_9(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tells its versions, and that it does not know the question which we ask next."""
    while length := struct.unpack("!i", await reader.readexactly(4))[0]:
        _, _, request = struct.unpack("!hhi", (await reader.readexactly(length))[:8])
        said = struct.pack("!ihi", request, 0, 1) + struct.pack("!hhh", 18, 0, 0)
        writer.write(struct.pack("!i", len(said)) + said)
