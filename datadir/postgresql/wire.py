"""How does a statement take others along? On the wire: what is to run ahead of it goes out in the same write.

asyncpg sends one message and waits for the answer before it takes the next. A lease has statements whose answers nobody
reads: the commit of the transaction before it, its begin, its scope; and one of which it reads a row: what else belongs
to the scope. A `Wire` stands between asyncpg's protocol and the transport, puts such statements before the next bytes
that asyncpg sends, and takes their answers out of what comes back. They are messages of the extended protocol without a
Sync of their own: where one of them fails, the server passes over all that follows up to asyncpg's Sync, its statement
too, and asyncpg hears of that error as the statement's.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar, cast

import asyncpg

R = TypeVar("R", bound=asyncpg.Record)

Reader = Callable[[list[str]], None]
"""Takes a row: its values as text, "" for null."""

_PARSED: Final = ord("1")
_ROW: Final = ord("D")
_COMPLETE: Final = ord("C")
_ERROR: Final = ord("E")
# Parsed, bound, a row (set_config has one): asyncpg did not ask for these.
_UNREAD: Final = frozenset(b"12D")
# Each message of the server begins with its kind and its length, which counts all but the kind.
_HEADER: Final = 5


class _Wanted(NamedTuple):
    """A statement that went ahead, of which somebody reads a row: by which name the server knows it, and who."""

    name: str
    read: Reader


class Wire(asyncio.Protocol):
    """What asyncpg takes for its transport, and the transport for its protocol. Whatever it does not know is the
    transport's."""

    def __init__(self, protocol: asyncio.Protocol | None = None, transport: asyncio.Transport | None = None) -> None:
        self.transport: Any = transport
        self._protocol: Any = protocol
        self._ahead: list[bytes] = []
        # For each of those, who reads a row of its answer.
        self._readers: list[_Wanted | None] = []
        # The same of statements whose end has not come, and what has come of a message that is not whole.
        self._awaited: deque[_Wanted | None] = deque()
        self._begun = b""
        # What this server has parsed and keeps.
        self._parsed: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def ahead(self, *statements: str) -> None:
        """Run these before whatever is sent next, and tell nobody of their answers. None may have parameters, or be
        text of somebody else's."""
        self._ahead.extend(map(_message, statements))
        self._readers.extend([None] * len(statements))

    def ahead_for(self, statement: str, read: Reader) -> None:
        """Run this one too, and give `read` each row of its answer. The server parses it once for each connection."""
        name, parse, run = _kept(statement)
        self._ahead.append(run if name in self._parsed else parse + run)
        self._readers.append(_Wanted(name, read))

    # As asyncpg's transport.

    def write(self, data: bytes | memoryview) -> None:
        """Send this, and what is to go ahead of it, as one."""
        if self._ahead:
            ahead, self._ahead = self._ahead, []
            self._awaited.extend(self._readers)
            self._readers.clear()
            data = b"".join((*ahead, data))
        self.transport.write(data)

    def writelines(self, parts: list[bytes | memoryview]) -> None:
        """Send these one after another."""
        self.write(b"".join(parts))

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        """Whatever comes is this protocol's from now on."""
        self._protocol = protocol
        self.transport.set_protocol(self)

    # As the transport's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        self.transport = transport
        self._protocol.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Pass on what asyncpg waits for."""
        if self._awaited:
            data = self._asked_for(self._begun + data)
        if data:
            self._protocol.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._protocol.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """The server has closed its side."""
        return bool(self._protocol.eof_received())

    def pause_writing(self) -> None:
        """The transport has enough for the present."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The transport takes more."""
        self._protocol.resume_writing()

    def _asked_for(self, data: bytes) -> bytes:
        """The bytes without the answers to what went ahead."""
        kept: list[bytes] = []
        at, size = 0, len(data)
        while self._awaited and size - at >= _HEADER:
            end = at + 1 + int.from_bytes(data[at + 1 : at + _HEADER])
            if end > size:
                break
            kind = data[at]
            if kind == _COMPLETE:
                self._awaited.popleft()
            elif kind in _UNREAD:
                if (wanted := self._awaited[0]) is not None:
                    if kind == _ROW:
                        wanted.read(_texts(data[at:end]))
                    elif kind == _PARSED:
                        self._parsed.add(wanted.name)
            else:
                # An error, after which nothing more of it is answered; a notice or a setting, which may always come.
                kept.append(data[at:end])
                if kind == _ERROR:
                    self._awaited.clear()
            at = end
        self._begun = data[at:] if self._awaited else b""
        if not self._awaited:
            kept.append(data[at:])
        return b"".join(kept)


def _parse(statement: str, name: bytes) -> bytes:
    text = statement.encode()
    return b"P" + struct.pack("!i", len(text) + len(name) + 8) + name + b"\0" + text + b"\0\0\0"


def _run(name: bytes) -> bytes:
    """Bind and Execute, without parameters, for values as text."""
    return b"B" + struct.pack("!i", len(name) + 12) + b"\0" + name + b"\0" * 7 + b"E\0\0\0\x09\0\0\0\0\0"


@lru_cache(maxsize=16)
def _message(statement: str) -> bytes:
    """Parse, Bind and Execute of a statement without a name."""
    return _parse(statement, b"") + _run(b"")


@lru_cache(maxsize=16)
def _kept(statement: str) -> tuple[str, bytes, bytes]:
    """The name under which a server keeps a statement, what makes it do so, what runs it."""
    name = f"ahead_{sha256(statement.encode()).hexdigest()[:16]}"
    return name, _parse(statement, name.encode()), _run(name.encode())


def _texts(row: bytes) -> list[str]:
    """The values of a row."""
    at, values = _HEADER + 2, []
    for _ in range(int.from_bytes(row[_HEADER:at])):
        size = int.from_bytes(row[at : at + 4], signed=True)
        at += 4
        values.append(row[at : at + max(size, 0)].decode())
        at += max(size, 0)
    return values


class _Loop:
    """The running loop, whose connections are wires. For asyncpg's `loop`, which it asks for connections alone, timers
    and futures."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Asked for with each statement.
        self.create_future = loop.create_future
        self.call_later = loop.call_later
        self.time = loop.time

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(self, factory: Callable[[], asyncio.Protocol], *place: Any, **how: Any) -> Any:
        _, wire = await self._loop.create_connection(lambda: Wire(factory()), *place, **how)
        return wire, wire._protocol

    async def create_unix_connection(self, factory: Callable[[], asyncio.Protocol], *place: Any, **how: Any) -> Any:
        _, wire = await self._loop.create_unix_connection(lambda: Wire(factory()), *place, **how)
        return wire, wire._protocol

    async def start_tls(self, wire: Wire, protocol: asyncio.Protocol, context: ssl.SSLContext, **how: Any) -> Any:
        transport = await self._loop.start_tls(wire.transport, protocol, context, **how)
        return None if transport is None else Wire(transport=transport)


class Connection(asyncpg.Connection):
    """A connection over a wire, which knows when its time is over on the clock of the loop."""

    ends_at = float("inf")

    # What asyncpg's own has, and its types do not name.
    _transport: Any
    _protocol: Any
    _stmt_cache: Any
    _drop_global_statement_cache: Callable[[], None]

    def ahead(self, *statements: str) -> None:
        """As `Wire.ahead`."""
        wire: Wire = self._transport
        wire.ahead(*statements)

    def ahead_for(self, statement: str, read: Reader) -> None:
        """As `Wire.ahead_for`."""
        wire: Wire = self._transport
        wire.ahead_for(statement, read)

    async def rows(self, record: type[R], sql: str, args: Sequence[Any], seconds: float) -> list[R]:
        """As `fetch`. A statement that this connection has prepared goes straight to asyncpg's protocol: what `fetch`
        asks itself before that takes a fifth of the time of a short statement."""
        prepared = self._stmt_cache.get((sql, record, False))
        if prepared is None:
            return cast("list[R]", await self.fetch(sql, *args, timeout=seconds, record_class=record))
        try:
            return cast("list[R]", await self._protocol.bind_execute(prepared, args, "", 0, False, seconds))
        except asyncpg.OutdatedSchemaCacheError:
            await self.reload_schema_state()
            raise
        except asyncpg.InvalidCachedStatementError:
            # As `fetch` does in a transaction, which cannot go on: all connections forget what they have prepared.
            self._drop_global_statement_cache()
            raise


async def connect(*where: Any, loop: asyncio.AbstractEventLoop, **how: Any) -> Any:
    """As `asyncpg.connect`, for a pool's `connect`, with `connection_class=Connection`."""
    connection: Any = await asyncpg.connect(*where, loop=cast("Any", _Loop(loop)), **how)
    # It is connected: from here on asyncpg asks its loop which of its own tasks runs, and only the true one knows.
    connection._loop = loop
    return connection
