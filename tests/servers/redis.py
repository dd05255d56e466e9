"""Which Redis do tests run on: Valkey 9 from the wheel, Debian's Redis 7, alone and as a cluster of three masters?"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Literal

from redis import asyncio as driver

from datadir.data_folder import DataFolder
from datadir.launcher import Launcher, Program
from datadir.names import StoreName
from datadir.redis import embedded
from tests.servers.server import Absent, Process, Server, exchanged, free_ports, temporary_place

Kind = Literal["valkey 9", "redis 7", "cluster"]
NODES: Final = 3
SLOTS: Final = 16384
PASSWORD = "pass-of-tests"
"""What Debian's Redis asks for; Valkey asks for none."""


@asynccontextmanager
async def running(kind: Kind, *options: str) -> AsyncIterator[Server]:
    """A Redis of that kind. With `options` of the server's command line it is always one of ours. Raises Absent."""
    named = os.environ.get("REDIS_URL", "")
    if named and not options and await _kind(named) == kind:
        yield Server({"REDIS_URL": named})
        return
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(_one(kind, options)) for _ in range(NODES if kind == "cluster" else 1)
        ]
        if kind == "cluster":
            await _join([url for url, _ in servers])
        yield Server({"REDIS_URL": servers[0][0]}, [process for _, process in servers])


@asynccontextmanager
async def _one(kind: Kind, options: Sequence[str]) -> AsyncIterator[tuple[str, Process]]:
    async with temporary_place() as (folder, launcher):
        [port, bus] = free_ports(2)
        process = _process(kind, options, folder, launcher, port, bus)
        await process.start()
        yield f"redis://{'' if kind == 'valkey 9' else f':{PASSWORD}@'}127.0.0.1:{port}/0", process


def _process(
    kind: Kind, options: Sequence[str], folder: DataFolder, launcher: Launcher, port: int, bus: int
) -> Process:
    storage = folder.storage("redis")
    settings = {
        "dir": str(storage),
        "bind": "127.0.0.1",
        "port": str(port),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "always-show-logo": "no",
    }
    if kind != "valkey 9":
        settings |= {"requirepass": PASSWORD, "masterauth": PASSWORD}
    if kind == "cluster":
        settings |= {"cluster-enabled": "yes", "cluster-port": str(bus), "cluster-node-timeout": "1000"}
    program = str(embedded._server()) if kind == "valkey 9" else _debians()
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]

    async def answers() -> bool:
        # Also where a password is asked for: only a server that still reads its file says LOADING.
        return await exchanged(port, b"PING\r\n", 5) in (b"+PONG", b"-NOAU")

    return Process(
        launcher,
        Program(
            store=StoreName.REDIS,
            command=[program, *words, *options],
            cwd=storage,
            stop=signal.SIGTERM,
            orphaned=signal.SIGTERM,
            complaint=embedded._COMPLAINT,
        ),
        answers,
    )


def _debians() -> str:
    program = shutil.which("redis-server")
    if program is None:
        raise Absent("redis-server is not installed (Debian: apt install redis-server)")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"v=(\d+)", said)
    if version is None or version[1] != "7":
        raise Absent(f"redis-server is version {version[1] if version else 'unknown'}, not 7")
    return program


async def _join(urls: Sequence[str]) -> None:
    """Make one cluster of empty servers, each master of an equal share of the slots."""
    nodes = [driver.Redis.from_url(url, decode_responses=True) for url in urls]
    try:
        borders = [SLOTS * nth // len(nodes) for nth in range(len(nodes) + 1)]
        for nth, node in enumerate(nodes):
            # An epoch each, so that they need not find one out.
            await node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", nth + 1)
            await node.execute_command("CLUSTER", "ADDSLOTSRANGE", borders[nth], borders[nth + 1] - 1)
        first = nodes[0].connection_pool.connection_kwargs["port"]
        bus = await nodes[0].config_get("cluster-port")
        for node in nodes[1:]:
            await node.execute_command("CLUSTER", "MEET", "127.0.0.1", first, bus["cluster-port"])
        for node in nodes:
            while not await _knows_all(node):
                await asyncio.sleep(0.01)
    finally:
        for node in nodes:
            await node.aclose()


async def _knows_all(node: driver.Redis) -> bool:
    about = await node.execute_command("CLUSTER", "INFO")
    slots = await node.execute_command("CLUSTER", "SLOTS")
    return "cluster_state:ok" in about and len(slots) == NODES


async def _kind(url: str) -> Kind:
    client = driver.Redis.from_url(url, decode_responses=True)
    try:
        about = await client.info("server")
    finally:
        await client.aclose()
    if about["redis_mode"] == "cluster":
        return "cluster"
    name = about.get("server_name", "redis")
    version = about.get(f"{name}_version", about["redis_version"])
    for kind in ("valkey 9", "redis 7"):
        if f"{name} {version}".startswith(kind):
            return kind
    raise ValueError(f"REDIS_URL names {name} {version}; the contracts run on Valkey 9, Redis 7 and a cluster")
