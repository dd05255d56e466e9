"""How do commands reach one Redis server, as one wire request?"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any

from redis import asyncio as driver
from redis import exceptions as failures

from datadir.redis import opening

Argument = str | int | float | bytes
Command = tuple[Argument, ...]


class Node:
    """A server, alone or one of a cluster, and at most `connections` connections to it. The driver's exceptions."""

    def __init__(self, url: str, connections: int, context: ssl.SSLContext | None) -> None:
        self._driver = driver.Redis.from_pool(opening.pool(url, connections, context))

    async def exchange(self, commands: Sequence[Command], atomic: bool) -> tuple[list[Any], int]:
        """Send commands as one request; replies in their order, refusals as values, and how many nodes were asked
        besides this one."""
        if len(commands) == 1 and not atomic:
            try:
                return [await self._driver.execute_command(*commands[0])], 0  # type: ignore[no-untyped-call]
            except failures.ResponseError as refused:
                return [refused], 0
        pipeline = self._driver.pipeline(transaction=atomic)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False), 0

    async def about(self) -> dict[str, Any]:
        """What the server says of itself."""
        said: dict[str, Any] = await self._driver.info("server")
        return said

    async def aclose(self) -> None:
        """Close every connection."""
        await self._driver.aclose()
