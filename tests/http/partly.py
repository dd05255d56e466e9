"""How is a response read that comes in parts? As far as a test wants, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.listening import Listening

PATIENCE = 20.0


class Parts:
    """A response that has begun."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._bytes = response.aiter_bytes()
        self._read = b""

    async def until(self, mark: bytes) -> bytes:
        """What comes before a mark; the mark is taken too."""
        async with asyncio.timeout(PATIENCE):
            while mark not in self._read:
                self._read += await anext(self._bytes)
        before, _, self._read = self._read.partition(mark)
        return before

    async def rest(self) -> bytes:
        """Everything else, once it has ended."""
        async with asyncio.timeout(PATIENCE):
            async for more in self._bytes:
                self._read += more
        return self._read


@asynccontextmanager
async def asking(
    served: Listening,
    query: str,
    *,
    accept: str,
    method: str = "POST",
    variables: dict[str, Any] | None = None,
    **headers: str,
) -> AsyncIterator[Parts]:
    """Ask, and leave when the test has read enough."""
    sent = {"accept": accept, **{name.replace("_", "-"): value for name, value in headers.items()}}
    asked: dict[str, Any] = (
        {"params": {"query": query}} if method == "GET" else {"json": {"query": query, "variables": variables or {}}}
    )
    async with (
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client,
        client.stream(method, served.url, headers=sent, **asked) as response,
    ):
        yield Parts(response)
