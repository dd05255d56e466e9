"""Which servers of the last run are still at work on this data folder?

`DATA/children.json` lists the servers that were started, with their whole command line. After a SIGKILL they are on
their way out (`foreground`), and nothing may touch their files before they are gone. A process is ended only if both
its id and its command line are the recorded ones: ids are reused, most of all in containers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

GOES_BY_ITSELF_SECONDS = 2.0
GOES_WHEN_ASKED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Started:
    """A server as it was started: process id, command line, and the signal that ends it cleanly."""

    pid: int
    command: list[str]
    stop: int

    def lives(self) -> bool:
        """Whether this very process still runs. Before its exec it is `foreground` with the same last words."""
        return command_of(self.pid).endswith(" ".join(self.command))


def command_of(pid: int) -> str:
    """The words of a process's command line; empty for one that is gone or only waits to be reaped."""
    if Path("/proc/self/cmdline").exists():
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return os.fsdecode(line.rstrip(b"\0").replace(b"\0", b" "))
    answer = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return os.fsdecode(answer.stdout.rstrip(b"\n"))


def remember(folder: Path, servers: Iterable[Started]) -> None:
    """Write the list of this run's servers, in one step."""
    draft = folder / "children.json.new"
    draft.write_text(json.dumps([asdict(server) for server in servers]))
    draft.replace(folder / "children.json")


def end_all(folder: Path) -> None:
    """Wait for the last run's servers to go, ask them to, and kill what stays; returns when none is left."""
    try:
        servers = [Started(**entry) for entry in json.loads((folder / "children.json").read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        return
    if _gone(servers, GOES_BY_ITSELF_SECONDS):
        return
    _send(servers, None)
    if not _gone(servers, GOES_WHEN_ASKED_SECONDS):
        _send(servers, signal.SIGKILL)
        _gone(servers, GOES_WHEN_ASKED_SECONDS)


def _send(servers: list[Started], number: int | None) -> None:
    for server in servers:
        if server.lives():
            with suppress(ProcessLookupError):
                os.kill(server.pid, server.stop if number is None else number)


def _gone(servers: list[Started], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(server.lives() for server in servers):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
