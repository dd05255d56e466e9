"""How many answers a second, and how long does each take? One request at a time on each of n connections.

The client is this process, the server another one, so that each has a core of its own where there are two. It speaks
the little HTTP it needs by itself: a full client library costs as much per answer as the server does.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import dataclass, field
from typing import Any, Final

from bench.server import BenchError

# Above this share of its core the client is what is measured.
CLIENT_BOUND: Final = 0.8


@dataclass
class Round:
    """What one round found: seconds of each answer, how long it went, the client's share of one core."""

    seconds: float = 0.0
    client_share: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds


def request(port: int, token: str, query: str, variables: dict[str, Any]) -> bytes:
    """One POST to /graphql as bytes."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\naccept: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def measured(port: int, sent: bytes, connections: int, seconds: float, *, fails: bool = False) -> Round:
    """Send `sent` over and over on each connection for so long. Raises BenchError for an answer with errors; with
    `fails` for one without."""
    return asyncio.run(_measured(port, sent, connections, seconds, b'{"errors":' if fails else b'{"data":'))


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


async def _measured(port: int, sent: bytes, connections: int, seconds: float, expected: bytes) -> Round:
    found = Round()
    began, busy = time.perf_counter(), time.process_time()
    await asyncio.gather(*(_connection(port, sent, began + seconds, found, expected) for _ in range(connections)))
    found.seconds = time.perf_counter() - began
    found.client_share = (time.process_time() - busy) / found.seconds
    return found


async def _connection(port: int, sent: bytes, end: float, found: Round, expected: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    try:
        while (started := time.perf_counter()) < end:
            writer.write(sent)
            status, body = await _answer(reader)
            found.latencies.append(time.perf_counter() - started)
            # Errors come first in a response that has any.
            if status != 200 or not body.startswith(expected):
                raise BenchError(f"The front page answered {status}: {body[:300].decode(errors='replace')}")
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    _, found, rest = head.partition(b"content-length:")
    if not found:
        raise BenchError("The server answers without a length.")
    return status, await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
