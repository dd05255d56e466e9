"""What is a server that tests run on, and how is it ended, paused or started again?

`Absent` says why there is none; its sentence becomes the reason of a skip.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from datadir.data_folder import DataFolder, claim
from datadir.launcher import Child, Launcher, Program
from tests.folders import passable_folder


class Absent(Exception):
    """This server cannot be had here; the message is the reason."""


class Process:
    """A program that was started on loopback. The kernel ends it when the tests' process is gone, whatever ended
    that."""

    def __init__(self, launcher: Launcher, program: Program, answers: Callable[[], Awaitable[bool]]) -> None:
        self.program = program
        self._launcher = launcher
        self._answers = answers
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._child is not None
        return self._child.pid

    async def start(self) -> None:
        """Start it, also once more on the same files and ports; returns when it answers."""

        async def answers(child: Child) -> bool:
            return await self._answers()

        self._child = await self._launcher.start(self.program, answers)

    async def stop(self) -> None:
        """End it as an operator does."""
        self.resume()
        await self._end()

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._send(signal.SIGKILL)
        await self._end()

    def pause(self) -> None:
        """SIGSTOP: from here on it hangs."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self._child is not None and not self._child.ended():
            os.kill(self._child.pid, number)

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await self._launcher.end(child)


@dataclass
class Server:
    """A running server. `settings` are the program's own variables that name it; `processes` are empty where the
    environment named it, for then it is not ours to end."""

    settings: dict[str, str]
    processes: list[Process] = field(default_factory=list)

    @property
    def process(self) -> Process:
        """The one process of a server that we started."""
        [process] = self.processes
        return process


@asynccontextmanager
async def temporary_place() -> AsyncIterator[tuple[DataFolder, Launcher]]:
    """A folder of its own for one server, and who starts it there; at the end the server is ended and the folder
    gone."""
    # No space in the path: Cassandra takes its configuration's place for a URL.
    with passable_folder("studygraph-server-") as parent, claim(parent / "data") as folder:
        async with Launcher(folder) as launcher:
            try:
                yield folder, launcher
            finally:
                # One that hangs would hear nothing else.
                for pid in launcher.pids.values():
                    os.kill(pid, signal.SIGCONT)


def free_ports(number: int) -> list[int]:
    """Ports of the loopback that nobody listens on at this moment."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


async def exchanged(port: int, question: bytes, number: int) -> bytes:
    """The first bytes, at most `number`, with which whoever listens on a port of the loopback answers; none when nobody
    does within a second."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(question)
                return await reader.readexactly(number)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return b""
