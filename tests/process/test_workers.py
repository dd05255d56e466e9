"""Do several processes answer at one port, is one that ends replaced, and do all end together?"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.process.held import all_gone, descendants, linux_only
from tests.process.served import ROOT, environment, refusal

PATIENCE = 60


async def test_an_embedded_store_allows_one_process_and_says_which_it_is(data: Path) -> None:
    sentence = await refusal(data, STUDYGRAPH_WORKERS=2, REDIS_URL="redis://127.0.0.1:1/0")
    assert sentence == (
        "STUDYGRAPH_WORKERS is 2, and an embedded store serves one process alone: name real servers for cassandra, "
        "kafka, minio, mongodb, postgresql, qdrant, or set it to 1."
    )
    assert not data.exists()


@asynccontextmanager
async def team(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A team of echoes, killed at the latest at the end."""
    command = [sys.executable, "-m", "tests.process.team_of_echoes", *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process) -> str:
    """The next line of a team."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        return (await process.stderr.readline()).decode().strip()


async def who_answers(port: int, count: int) -> set[int]:
    """The processes behind a port, once there are so many."""
    found: set[int] = set()
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            found.add(int(await reader.readline() or b"0"))
            writer.close()
    return found - {0}


@linux_only
async def test_each_worker_answers_one_that_ends_is_replaced_and_all_end_with_the_team() -> None:
    async with team("3") as process:
        port = int((await said(process)).removeprefix("at "))
        first = await who_answers(port, 3)
        family = {process.pid, *descendants(process.pid)}
        assert first < family
        lost = min(first)
        os.kill(lost, signal.SIGKILL)
        assert '"event":"worker ended"' in await said(process)
        now = await who_answers(port, 3)
        assert lost not in now
        assert now > first - {lost}
        family |= descendants(process.pid)
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
        await all_gone(family)


@linux_only
async def test_a_team_whose_first_worker_cannot_start_says_why() -> None:
    async with team("3", "refusing") as process:
        assert await said(process) == "There is no store."
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 1
