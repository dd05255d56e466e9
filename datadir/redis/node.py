"""How do commands reach one Redis server, as one wire request?

Connections are redis-py's: it connects, authenticates and notices what was closed while it lay idle; hiredis makes
bytes of commands and replies of bytes. They are kept in a plain list, the last one used first: redis-py's pool takes a
lock, a timer and four counts for each request, which is more than the request itself, and whoever asks here has waited
for one of `connections` slots before (`client.py`).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hiredis import pack_command
from redis import asyncio as driver
from redis import exceptions as failures

from datadir.redis import opening

Argument = str | int | float | bytes
Command = tuple[Argument, ...]


class Node:
    """A server, alone or one of a cluster, and at most `connections` connections to it. The driver's exceptions."""

    def __init__(self, url: str, connections: int, context: ssl.SSLContext | None) -> None:
        self._pool = opening.pool(url, connections, context)
        self._connection: Callable[[], Any] = self._pool.make_connection
        # What the driver makes of the replies to each command.
        self._shapes: Mapping[str | bytes, Any] = driver.Redis.from_pool(self._pool).response_callbacks
        self._free: list[Any] = []
        self._closed = False

    async def exchange(self, commands: Sequence[Command], atomic: bool) -> tuple[list[Any], int]:
        """Send commands as one request; replies in their order, refusals as values, and how many nodes were asked
        besides this one. An atomic request that is refused as a whole raises."""
        connection = self._free.pop() if self._free else self._connection()
        try:
            await self._pool.ensure_connection(connection)
            if atomic:
                return await self._transaction(connection, commands), 0
            await connection.send_packed_command(_packed(commands), check_health=False)
            return [await self._reply(connection, command) for command in commands], 0
        except failures.ResponseError:  # the whole answer has been read
            raise
        except BaseException:
            # Answers may still be on their way: nobody else must get them.
            await connection.disconnect(nowait=True)
            raise
        finally:
            if self._closed:
                await connection.disconnect(nowait=True)
            else:
                self._free.append(connection)

    async def _transaction(self, connection: Any, commands: Sequence[Command]) -> list[Any]:
        around: list[Command] = [("MULTI",), *commands, ("EXEC",)]
        await connection.send_packed_command(_packed(around), check_health=False)
        refused: failures.ResponseError | None = None
        for _ in around[:-1]:  # each command is only taken down
            try:
                await connection.read_response()
            except failures.ResponseError as why:
                refused = refused or why
        try:
            replies = await connection.read_response()
        except failures.ExecAbortError as aborted:
            raise refused or aborted from None
        return [self._shaped(command, reply) for command, reply in zip(commands, replies, strict=True)]

    async def _reply(self, connection: Any, command: Command) -> Any:
        try:
            return self._shaped(command, await connection.read_response())
        except failures.ResponseError as refused:
            return refused

    def _shaped(self, command: Command, reply: Any) -> Any:
        shape = self._shapes.get(str(command[0]))
        return reply if shape is None or isinstance(reply, Exception) else shape(reply)

    async def about(self) -> dict[str, Any]:
        """What the server says of itself."""
        [said], _ = await self.exchange([("INFO", "server")], atomic=False)
        if isinstance(said, Exception):
            raise said
        return dict(said)

    async def aclose(self) -> None:
        """Close every connection; those that are in use as soon as they are not."""
        self._closed = True
        free, self._free = self._free, []
        for connection in free:
            await connection.disconnect()


def _packed(commands: Sequence[Command]) -> bytes:
    # Its types speak of tuples of one item.
    pack: Any = pack_command
    return b"".join(map(pack, commands))
