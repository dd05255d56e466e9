"""How does a request travel to Redis and its replies back? Over a connection that redis-py opened, without its streams.

redis-py connects, speaks TLS and logs in. From then on the transport's bytes come here: hiredis makes bytes of commands
and replies of bytes, and whoever asks waits for one future. redis-py's own way (a stream, a timer and a check of its
health for each reply) takes longer than the server, the kernel and hiredis together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from hiredis import Reader, pack_command
from redis import exceptions as failures
from redis.asyncio.connection import DefaultParser

Argument: TypeAlias = str | int | float | bytes
Command: TypeAlias = tuple[Argument, ...]

_MORE: Final = object()
_CLOSED: Final = "Connection closed by server."


class Line(asyncio.Protocol):
    """One connection, for one request at a time."""

    def __init__(self, connection: Any) -> None:
        """`connection` is redis-py's, connected, with nothing on its way."""
        self._connection = connection
        self._transport: asyncio.Transport = connection._writer.transport
        # Whoever closes the connection waits for redis-py's stream to hear of it.
        self._stream: Any = self._transport.get_protocol()
        self._transport.set_protocol(self)
        self._reader = Reader(
            protocolError=failures.InvalidResponse,
            replyError=DefaultParser.parse_error,
            encoding="utf-8",
            errors="strict",
            notEnoughData=_MORE,
        )
        self._replies: list[Any] = []
        self._wanted = 0
        self._answered: asyncio.Future[list[Any]] | None = None
        self.is_open = True

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands as one; their replies, refusals as values. Raises the driver's ConnectionError. After anything
        that is raised here, cancellation too, the line must be closed: replies may still be on their way."""
        if not self.is_open:
            raise failures.ConnectionError(_CLOSED)
        self._wanted = len(commands)
        self._answered = asyncio.get_running_loop().create_future()
        # Its types speak of tuples of one item.
        pack: Any = pack_command
        self._transport.write(b"".join(map(pack, commands)))
        replies = await self._answered
        for reply in replies:
            # Not of a command: the server has no room, is loading, wants a password.
            if isinstance(reply, failures.ConnectionError):
                raise reply
        return replies

    async def close(self, *, nowait: bool = True) -> None:
        """Close the connection."""
        self.is_open = False
        await self._connection.disconnect(nowait=nowait)

    def data_received(self, data: bytes) -> None:
        """Bytes of replies."""
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _MORE:
                self._replies.append(reply)
        except (failures.RedisError, ValueError) as unreadable:
            self._fail(unreadable)
            return
        if self._answered is None or len(self._replies) > self._wanted:
            # Said without being asked: whoever asks next must not take it for the answer.
            self._fail(failures.ConnectionError("the server said something that nobody had asked"))
        elif len(self._replies) == self._wanted:
            replies, self._replies = self._replies, []
            answered, self._answered = self._answered, None
            if not answered.done():
                answered.set_result(replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        lost = failures.ConnectionError(_CLOSED)
        lost.__cause__ = exc
        self._fail(lost)
        self._stream.connection_lost(exc)

    def _fail(self, why: Exception) -> None:
        self.is_open = False
        answered, self._answered = self._answered, None
        if answered is not None and not answered.done():
            answered.set_exception(why)
        self._transport.close()
