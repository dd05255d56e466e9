"""How does a statement take others along? On the wire: what runs ahead of it and behind it goes out in the same write.

asyncpg sends one message and waits for the answer before it takes the next. A `Wire` stands between asyncpg's protocol
and the transport.

*Ahead* go statements whose answers nobody reads: what ends the transaction before, what begins this one, its scope; and
one of which a row is read: what else belongs to the scope. The wire puts them before the next bytes that asyncpg sends,
and takes their answers out of what comes back. They are messages of the extended protocol without a Sync of their own:
where one of them fails, the server passes over all that follows up to asyncpg's Sync, its statement too, and asyncpg
hears of that error as the statement's.

*Behind* it go asyncpg's own next messages, each with its Sync. When asyncpg comes to send one of them the wire sends
nothing, and until then it keeps back what has come of its answer.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

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
READY: Final = b"Z\0\0\0\x05"
"""The server is ready for the next one, which ends each answer: all of that message but its last byte."""


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
        # What goes out behind the next write, and what has, until asyncpg asks it too.
        self._behind: list[bytes] = []
        self._out: deque[bytes] = deque()
        # While some of that is out: what asyncpg waits for now, and what came that it does not wait for yet.
        self._until: asyncio.Future[Any] | None = None
        self._early = b""
        # Where what asyncpg writes is kept instead of being sent.
        self._withheld: list[bytes] | None = None

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
        """Send this, and what is to go ahead of it and behind it, as one."""
        if self._withheld is not None:
            self._withheld.append(bytes(data))
            return
        if self._out:
            if self._out.popleft() != bytes(data):
                raise RuntimeError("What went along is not what is asked now.")
            return
        if self._ahead or self._behind:
            ahead, self._ahead = self._ahead, []
            self._awaited.extend(self._readers)
            self._readers.clear()
            behind, self._behind = self._behind, []
            self._out.extend(behind)
            data = b"".join((*ahead, data, *behind))
        self.transport.write(data)

    def withhold(self) -> list[bytes]:
        """Send nothing of what asyncpg writes until `send_again`: it is in the list."""
        self._withheld = []
        return self._withheld

    def send_again(self) -> None:
        """What is written goes out."""
        self._withheld = None

    def behind(self, message: bytes) -> None:
        """Send this behind whatever is sent next. asyncpg asks the same later, one after another, and hears the answer
        then."""
        self._behind.append(message)

    def waits(self, until: asyncio.Future[Any]) -> None:
        """asyncpg has asked something of which it hears `until` this is done. Where that went out before, what has come
        is passed on now."""
        if self._until is not None or self._out:
            self._until = until
            self._pass_on()

    @property
    def takes_along(self) -> bool:
        """Whether something goes out behind the next write."""
        return bool(self._behind)

    @property
    def early(self) -> bool:
        """Whether an answer has come for which nobody has asked yet."""
        return READY in self._early

    def stay_behind(self) -> None:
        """What was to go out behind the next write is not sent."""
        self._behind.clear()

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
        if self._until is not None:
            self._early += data
            self._pass_on()
        elif data:
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

    def _pass_on(self) -> None:
        """Pass on what is asyncpg's now. An answer ends with the server being ready; bytes that only look like that cut
        it in two, which does no harm."""
        until, early, begin = self._until, self._early, 0
        assert until is not None
        while begin < len(early) and not until.done():
            if not self._out:
                # The last one: nothing behind it has to be kept back.
                self._early, self._until = b"", None
                self._protocol.data_received(early[begin:])
                return
            at = early.find(READY, begin)
            # Its status follows. Where there is no such thing its beginning may be there.
            end = at + len(READY) + 1 if at >= 0 else len(early) - len(READY) + 1
            if not begin < end <= len(early):
                break
            self._protocol.data_received(early[begin:end])
            begin = end
        self._early = early[begin:]

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
