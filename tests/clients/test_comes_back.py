"""Do clients come back by themselves when the server is stopped and started again?"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from urllib.parse import urlsplit

from tests.clients.conftest import HERE, shown
from tests.folders import passable_folder
from tests.process.served import PATIENCE, serving

STREAMS = {"socket SNAPSHOT", "events SNAPSHOT"}


async def heard(process: asyncio.subprocess.Process, *lines: str) -> None:
    """Wait until all of these lines were said, in whatever order."""
    assert process.stdout is not None
    missing = set(lines)
    async with asyncio.timeout(PATIENCE):
        while missing:
            line = (await process.stdout.readline()).decode().rstrip("\n")
            assert line, f"the page ended before it said {missing}"
            missing.discard(line)


async def test_open_streams_end_with_the_server_and_go_on_with_the_next_one(node: str) -> None:
    with passable_folder() as folder:
        async with serving(folder / "data", STUDYGRAPH_DEMO="true") as first:
            port = urlsplit(first.url).port
            process = await asyncio.create_subprocess_exec(
                node,
                "comes-back.js",
                cwd=HERE,
                env=await shown(first),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            try:
                await heard(process, "socket connected", *STREAMS)
                # Sockets are told that the server goes away and may be asked again; events just end.
                status, _ = await first.end(signal.SIGTERM)
                assert status == 0
                await heard(process, "socket closed 1012")
                # Whatever the page has seen of the first server stands before the echo.
                assert process.stdin is not None
                process.stdin.write(b"that was the first\n")
                await heard(process, "that was the first")
                async with serving(folder / "data", STUDYGRAPH_DEMO="true", STUDYGRAPH_PORT=port):
                    await heard(process, "socket connected", *STREAMS)
                    process.stdin.close()
                    await heard(process, "the end")
                    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
