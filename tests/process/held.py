"""How do the tests of the embedded servers hold, stop and kill a program, and look at what is left of it?

The program is `hold_stores.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from datadir import orphans

ROOT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0

linux_only = pytest.mark.skipif(
    sys.platform != "linux",
    reason="only Linux tells a server that its parent is gone; elsewhere the next start ends it",
)
root_only = pytest.mark.skipif(not IS_ROOT, reason="only root runs PostgreSQL under another account")
ordinary_only = pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
KEPT = ["row", "key", "document"]


@dataclass
class Holder:
    """A program that holds stores, and what it said when they answered."""

    process: asyncio.subprocess.Process
    said: dict[str, Any]

    @property
    def pids(self) -> dict[str, int]:
        return dict(self.said["pids"])

    @property
    def run_dir(self) -> Path:
        return Path(self.said["run_dir"])

    def everyone(self) -> set[int]:
        """Process ids of the servers and of all processes that those started."""
        return {pid for server in self.pids.values() for pid in (server, *descendants(server))}

    async def pids_again(self) -> dict[str, int]:
        """Wait until a server that died was started again; the process ids of those that run then."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        return dict(json.loads(line))

    async def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send the program a signal; its exit status and what it wrote to standard error."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; exit status and standard error."""
        _, complaint = await asyncio.wait_for(self.process.communicate(), 60)
        assert self.process.returncode is not None
        return self.process.returncode, complaint.decode()


@asynccontextmanager
async def program(data: Path, *stores: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`hold_stores.py` on a data folder, stopped at the latest at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.process.hold_stores",
        str(data),
        *stores,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.communicate(), 60)
        except TimeoutError:
            process.kill()
            raise


@asynccontextmanager
async def holding(data: Path, *stores: str) -> AsyncIterator[Holder]:
    """The program, once its stores answer."""
    async with program(data, *stores) as process:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        if not line:
            _, complaint = await process.communicate()
            pytest.fail(f"the program ended before its stores answered: {complaint.decode()}")
        yield Holder(process, json.loads(line))


async def refusal(data: Path, *stores: str) -> str:
    """The sentence with which the program refuses to start, without its line end."""
    async with program(data, *stores) as process:
        out, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert (out, process.returncode) == (b"", 2)
    assert complaint.count(b"\n") == 1, complaint.decode()
    return complaint.decode().strip()


def descendants(pid: int) -> set[int]:
    """Process ids of everything below a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(words[1])
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {pid}


async def all_gone(pids: set[int]) -> None:
    """Wait until none of the processes runs; a zombie, which only waits to be reaped, does not."""
    deadline = monotonic() + 20
    while left := {pid: orphans.command_of(pid) for pid in pids if orphans.command_of(pid)}:
        assert monotonic() < deadline, left
        await asyncio.sleep(0.02)


async def write(said: dict[str, Any]) -> None:
    """A row, a key and a document."""
    addresses = said["addresses"]
    row = await asyncpg.connect(addresses["postgresql"][1])
    await row.execute("create table kept (word text); insert into kept values ('row')")
    await row.close()
    async with Redis.from_url(addresses["redis"]) as key:
        await key.set("kept", "key")
    async with AsyncMongoClient[dict[str, Any]](addresses["mongodb"]) as document:
        await document.get_default_database()["kept"].insert_one({"word": "document"})


async def read(said: dict[str, Any]) -> list[str]:
    """What `write` wrote."""
    addresses = said["addresses"]
    row = await asyncpg.connect(addresses["postgresql"][1])
    words = [await row.fetchval("select word from kept")]
    await row.close()
    async with Redis.from_url(addresses["redis"], decode_responses=True) as key:
        words.append(await key.get("kept"))
    async with AsyncMongoClient[dict[str, Any]](addresses["mongodb"]) as document:
        found = await document.get_default_database()["kept"].find_one({}, {"_id": 0})
    return [*words, (found or {})["word"]]
