"""How does a test talk over a socket? Frames as they are, no client's kindness between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.listening import Listening

PATIENCE = 20.0
LIVE = "subscription Live { storesLive { cursor kind changes { op store { name status } } } }"


class Talk:
    """One socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **members: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps(members))

    async def hear(self) -> Any:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            text = await self.connection.recv()
        assert isinstance(text, str)
        return json.loads(text)

    async def begin(self, **payload: Any) -> None:
        """Initialise; fails where that is not acknowledged."""
        await self.say(type="connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    async def ask(self, id: str, query: str, **more: Any) -> None:
        """Send an operation."""
        await self.say(id=id, type="subscribe", payload={"query": query, **more})

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close, which comes next but for messages."""
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await self.connection.recv()
        # None: closed without a frame, which clients call 1006.
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason


@asynccontextmanager
async def talking(
    served: Listening,
    subprotocol: str | None = "graphql-transport-ws",
    *,
    origin: str | None = None,
    url: str | None = None,
) -> AsyncIterator[Talk]:
    """Open a socket."""
    spoken = [Subprotocol(subprotocol)] if subprotocol else None
    whence = None if origin is None else Origin(origin)
    async with connect(
        url or served.socket_url,
        subprotocols=spoken,
        origin=whence,
        proxy=None,
        compression=None,
        close_timeout=1,
        max_size=None,
    ) as connection:
        yield Talk(connection)
