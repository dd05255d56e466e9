"""How do the embedded servers start, stop and never outlive us?

A server is a foreground child of the main thread, in a session of its own (Ctrl-C in the terminal reaches us alone, and
we stop the servers in order), its output in `DATA/logs/<store>.log`. It is ready when it answers. One that ends by
itself is started again, at the same place (`keep_alive`). On Linux the kernel sends it a signal when we are gone,
whatever ended us (`foreground`); the next start waits for what is still on its way out (`orphans`).
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import NoReturn

from datadir import orphans
from datadir.data_folder import Account, DataFolder
from datadir.errors import StoreMisconfigured
from datadir.names import StoreName

READY_SECONDS = 60.0
NUDGE_SECONDS = 0.1
LONGEST_LOG_BYTES = 5_000_000
REVIVALS = 3
"""How often within REVIVAL_WINDOW a server that ends by itself is started again; once more, and it will not live."""
REVIVAL_WINDOW = 60.0
REVIVAL_SECONDS = 5.0
"""For so long a start is tried again: PostgreSQL refuses while processes of the dead server still end."""
_FOREGROUND = Path(__file__).with_name("foreground.py")


@dataclass(frozen=True, slots=True)
class Program:
    """A server program and how it wants to be treated.

    `stop` ends it cleanly within `patience` seconds, else it is killed. `orphaned` is what it gets when we are gone: it
    must end the program without anybody's help. `complaint` finds in a line of its log why it did not start; without a
    hit the last line is shown. `before` is called before each start. `nudge` is called again and again while it stops,
    from NUDGE_SECONDS on, for a program that would sleep over its own end.
    """

    store: StoreName
    command: Sequence[str]
    cwd: Path
    stop: signal.Signals
    orphaned: signal.Signals
    complaint: re.Pattern[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    patience: float = 10.0
    before: Callable[[], None] | None = None
    nudge: Callable[[], Awaitable[object]] | None = None


class Child:
    """A started program. `may_end` is true once its end would surprise nobody, `answers` says whether it is ready."""

    def __init__(self, program: Program, log: Path, log_start: int, process: subprocess.Popen[bytes]) -> None:
        self.program = program
        self.may_end = False
        self.answers: Answers | None = None
        self._process = process
        self._log = log
        self._log_start = log_start

    @property
    def pid(self) -> int:
        """Its process id, also after its end."""
        return self._process.pid

    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    async def gone(self) -> None:
        """Wait for its end."""
        await asyncio.to_thread(self._process.wait)

    def started(self) -> orphans.Started:
        """What the next start has to know of it."""
        return orphans.Started(self.pid, list(self.program.command), int(self.program.stop))

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it is gone."""
        self._process.send_signal(number)

    def end_said(self) -> str:
        """How it ended and where to read on: `status 1: FATAL: ... (log: ...)`."""
        code = self._process.returncode
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"status {code}"
        return f"{how}: {self.last_words()} (log: {self._log})"

    def death(self) -> str:
        """A sentence that says who ended, and how."""
        return f"{self.program.store} (process {self.pid}) ended with {self.end_said()}."

    def last_words(self) -> str:
        """The line of its log, since its start, that says best what went wrong."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        hits = [hit[0].strip() for line in lines if (hit := self.program.complaint.search(line))]
        spoken = [line.strip() for line in lines if line.strip()]
        return (hits or spoken or ["it said nothing"])[-1]


Answers = Callable[[Child], Awaitable[bool]]


class Launcher:
    """Starts programs on a claimed data folder, and stops them in reverse order.

    `report` gets lines for whoever watches the start: `starting postgresql`. Use it as an asynchronous context manager,
    or call `stop()`.
    """

    def __init__(self, folder: DataFolder, report: Callable[[str], None] | None = None) -> None:
        self._folder = folder
        self.report: Callable[[str], None] = report or (lambda line: None)
        self._children: list[Child] = []
        self._logs = folder.storage("logs")

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the running children by store."""
        return {child.program.store.value: child.pid for child in self._children if not child.ended()}

    async def start(self, program: Program, answers: Answers) -> Child:
        """Start `program` and return once `answers` is true.

        Raises StoreMisconfigured when it ends before that, or does not answer within READY_SECONDS.
        """
        started = monotonic()
        if program.before:
            program.before()
        child = self._spawn(program, subprocess.DEVNULL)
        child.answers = answers
        while not await answers(child):
            if child.ended():
                self._forget(child)
                self._refuse(child)
            if monotonic() - started > READY_SECONDS:
                await self.end(child)
                raise StoreMisconfigured(
                    program.store,
                    f"{program.store} did not answer within {READY_SECONDS:.0f} s: {child.last_words()}",
                )
            await asyncio.sleep(0.01)
        return child

    async def run(self, program: Program, text: str = "") -> None:
        """Run `program` to its end with `text` on its standard input. Raises StoreMisconfigured when it fails."""
        with tempfile.TemporaryFile() as given:
            given.write(text.encode())
            given.seek(0)
            child = self._spawn(program, given.fileno())
        child.may_end = True
        await child.gone()
        self._forget(child)
        if child.status != 0:
            self._refuse(child)

    async def end(self, child: Child) -> None:
        """Stop one child; SIGKILL when it loses its program's patience."""
        child.may_end = True
        child.send(child.program.stop)
        asked = monotonic()
        while not child.ended():
            waited = monotonic() - asked
            if waited > child.program.patience:
                child.send(signal.SIGKILL)
            if child.program.nudge and waited > NUDGE_SECONDS:
                await child.program.nudge()
            await asyncio.sleep(0.02)
        self._forget(child)

    async def stop(self) -> None:
        """Stop every child, the last started first. Calling it again is harmless."""
        for child in reversed(self._children.copy()):
            self.report(f"stopping {child.program.store}")
            await self.end(child)

    async def keep_alive(self, revived: Callable[[str], None] = lambda sentence: None) -> str:
        """Start again each child that ends and that nobody stopped: same files, same address, so that clients find it
        as they find a server that comes back. `revived` is told in a sentence.

        Returns with another sentence when that is in vain: it does not start any more, or has ended more than REVIVALS
        times within REVIVAL_WINDOW."""
        deaths: dict[StoreName, list[float]] = {}
        while True:
            dead = [child for child in self._children if child.ended() and not child.may_end]
            for child in dead:
                store = child.program.store
                since = monotonic() - REVIVAL_WINDOW
                deaths[store] = [*(death for death in deaths.get(store, ()) if death > since), monotonic()]
                if len(deaths[store]) > REVIVALS:
                    return f"{child.death()} It had been started again {REVIVALS} times within a minute."
            for refusal in await asyncio.gather(*map(self._revive, dead)):
                if refusal is not None:
                    return str(refusal)
            for child in dead:
                revived(f"{child.death()} It was started again.")
            await asyncio.sleep(0.2)

    async def _revive(self, child: Child) -> StoreMisconfigured | None:
        """Start an ended child's program once more; why it does not start where that was so to the end."""
        assert child.answers is not None
        self._forget(child)
        until = monotonic() + REVIVAL_SECONDS
        while True:
            try:
                await self.start(child.program, child.answers)
            except StoreMisconfigured as refusal:
                if monotonic() > until:
                    return refusal
                await asyncio.sleep(0.1)
            else:
                return None

    async def __aenter__(self) -> Launcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def _spawn(self, program: Program, stdin: int) -> Child:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("servers are started from the main thread: the parent-death signal is tied to it")
        log = self._logs / f"{program.store}.log"
        if log.exists() and log.stat().st_size > LONGEST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        account = f"{program.account.uid}:{program.account.gid}" if program.account else "-"
        place = [sys.executable, "-I", "-S", str(_FOREGROUND), str(os.getpid()), str(int(program.orphaned)), account]
        with log.open("ab") as output:
            log_start = output.tell()
            process = subprocess.Popen(
                [*place, *program.command],
                stdin=stdin,
                stdout=output,
                stderr=output,
                cwd=program.cwd,
                env={"PATH": os.defpath, "LC_ALL": "C", "HOME": str(program.cwd), **program.environment},
                start_new_session=True,
            )
            child = Child(program, log, log_start, process)
        self._children.append(child)
        self._remember()
        return child

    def _forget(self, child: Child) -> None:
        if child in self._children:
            self._children.remove(child)
            self._remember()

    def _remember(self) -> None:
        orphans.remember(self._folder.path, [child.started() for child in self._children])

    def _refuse(self, child: Child) -> NoReturn:
        raise StoreMisconfigured(
            child.program.store,
            f"{child.program.store} does not start on the data folder {self._folder.path}: it ended with "
            f"{child.end_said()}. If its files are damaged, bring back a copy, or start afresh with DATA=...",
        )
