"""Which S3 server do tests run on? The one that `S3_ENDPOINT_URL` names, else versitygw, built by Go.

versitygw keeps objects as files: a key that continues another's as a folder (`a/b`, `a/b/c`) is refused, and `a//b`
is `a/b`. The program normalises its keys itself.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from datadir.launcher import Program
from datadir.names import StoreName
from tests.servers.fetching import built
from tests.servers.server import Process, Server, exchanged, free_ports, temporary_place

_VARIABLES = ("S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
KEY = "key-of-tests"
SECRET = "secret-of-tests"


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    """An S3 server without any bucket. Raises Absent."""
    settings = {name: value for name in _VARIABLES if (value := os.environ.get(name))}
    if "S3_ENDPOINT_URL" in settings:
        yield Server({"AWS_REGION": "us-east-1", **settings})
        return
    program = await asyncio.to_thread(built, "versitygw")
    async with temporary_place() as (folder, launcher):
        [port] = free_ports(1)
        storage = folder.storage("minio")
        for name in ("objects", "versions", "accounts"):
            (storage / name).mkdir()
        where = ["--port", f"127.0.0.1:{port}", "--region", "us-east-1", "--iam-dir", str(storage / "accounts")]
        kept = ["posix", "--versioning-dir", str(storage / "versions"), str(storage / "objects")]

        async def answers() -> bool:
            return await exchanged(port, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", 12) == b"HTTP/1.1 403"

        process = Process(
            launcher,
            Program(
                store=StoreName.MINIO,
                command=[str(program), *where, "--quiet", *kept],
                cwd=storage,
                stop=signal.SIGTERM,
                orphaned=signal.SIGKILL,
                complaint=re.compile(r".*(error|failed|already in use).*"),
                environment={"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
            ),
            answers,
        )
        await process.start()
        yield Server(
            {
                "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
            },
            [process],
        )
