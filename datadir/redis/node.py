"""How do commands reach one Redis server, as one wire request?

Connections are redis-py's, asked by lines (`line.py`). They are kept in a plain list, the last one used first:
redis-py's pool takes a lock, a timer and four counts for each request, which is more than the request itself, and
whoever asks here has waited for one of `connections` slots before (`client.py`).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis import asyncio as driver
from redis import exceptions as failures

from datadir.redis import opening
from datadir.redis.line import Command, Line


class Node:
    """A server, alone or one of a cluster, and at most `connections` connections to it. The driver's exceptions."""

    def __init__(self, url: str, connections: int, context: ssl.SSLContext | None) -> None:
        pool = opening.pool(url, connections, context)
        self._connection: Callable[[], Any] = pool.make_connection
        # What the driver makes of the replies to each command.
        self._shapes: Mapping[str | bytes, Any] = driver.Redis.from_pool(pool).response_callbacks
        self._free: list[Line] = []
        self._closed = False

    async def exchange(self, commands: Sequence[Command], atomic: bool) -> tuple[list[Any], int]:
        """Send commands as one request; replies in their order, refusals as values, and how many nodes were asked
        besides this one. An atomic request that is refused as a whole raises."""
        line = await self._line()
        try:
            if atomic:
                replies = await line.exchange([("MULTI",), *commands, ("EXEC",)])
            else:
                replies = await line.exchange(commands)
        except BaseException:
            await line.close()
            raise
        if self._closed:
            await line.close()
        else:
            self._free.append(line)
        if atomic:
            replies = _executed(replies)
        return [self._shaped(command, reply) for command, reply in zip(commands, replies, strict=True)], 0

    async def _line(self) -> Line:
        while self._free:
            line = self._free.pop()
            if line.is_open:
                return line
            # Closed by the server while it lay idle.
            await line.close()
        connection = self._connection()
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return Line(connection)

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
        for line in free:
            await line.close(nowait=False)


def _executed(replies: list[Any]) -> list[Any]:
    """The replies of a transaction's commands. The first that was not even taken down is why all were refused."""
    *taken_down, executed = replies
    if isinstance(executed, failures.ResponseError):
        refused = next((reply for reply in taken_down if isinstance(reply, failures.ResponseError)), None)
        if isinstance(executed, failures.ExecAbortError):
            raise refused or executed
        raise executed
    return list(executed)
