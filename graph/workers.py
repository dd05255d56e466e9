"""How do several processes answer at one port? Each serves as a single one would; this one starts and ends them.

The first worker starts alone: it brings the stores' schemas up to date, and the others find that done. One that ends
by itself is started again. Where this process is killed, the workers notice and end too.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final

import structlog

from graph.logs import configure_logs
from graph.orders import Orders
from graph.progress import StartProgress
from graph.settings import Settings

log = structlog.get_logger("studygraph.workers")

PAUSE_SECONDS: Final = 1.0
"""Between the end of a worker that was not told to end and the start of the next."""
KILL_SECONDS: Final = 40.0
"""How long a worker may take to end."""

# Nothing is inherited but the port: a fork would share event loops, drivers' threads and random states.
_spawning = multiprocessing.get_context("spawn")


class _Voice:
    """What a worker says, said by the process that started it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def step(self, name: str) -> None:
        """A step begins."""
        self.tell("step", name)

    def share(self, name: str, done: int, total: int) -> None:
        """How far a step is."""
        self.tell("share", name, done, total)

    def tell(self, *what: Any) -> None:
        """Say it; where nobody listens any more, nothing."""
        with suppress(OSError):
            self._pipe.send(what)


def worker(settings: Settings, listener: socket.socket, pipe: Connection) -> None:
    """The whole life of a worker."""
    # Orders come from the process that started us. A terminal sends its own to everybody in front of it: two orders for
    # one Ctrl-C would be one to hurry.
    os.setsid()
    from graph.serving import serve_as_one_of_several

    voice = _Voice(pipe)
    sentence = serve_as_one_of_several(settings, listener, voice, lambda: voice.tell("answers"), pipe)
    if sentence is not None:
        voice.tell("refused", sentence)
    sys.exit(0 if sentence is None else 1)


class _Member:
    """One worker, seen from here."""

    def __init__(
        self, life: Callable[..., None], settings: Settings, listener: socket.socket, said: Callable[..., None]
    ) -> None:
        self.answers = asyncio.Event()
        self.ended = asyncio.Event()
        self.refusal: str | None = None
        self._said = said
        self._pipe, theirs = _spawning.Pipe()
        self.process = _spawning.Process(target=life, args=(settings, listener, theirs))
        self.process.start()
        # With our copy open we would never learn that the worker has none any more.
        theirs.close()
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._hear)

    def end(self) -> None:
        """Tell it to end."""
        if self.process.is_alive() and self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)

    async def over(self) -> None:
        """Wait until it has ended, and see to it."""
        await self.ended.wait()
        await asyncio.to_thread(self.process.join, KILL_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            await asyncio.to_thread(self.process.join)

    def _hear(self) -> None:
        try:
            kind, *what = self._pipe.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._pipe.close()
            self.ended.set()
            return
        if kind == "answers":
            self.answers.set()
        elif kind == "refused":
            (self.refusal,) = what
        else:
            self._said(kind, *what)


class Team:
    """The workers of one server. `refusal` says why it could not start. `life` is the whole life of a worker, from its
    settings, the port, and the pipe on which it says that it answers."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        progress: StartProgress,
        greet: Callable[[], None],
        life: Callable[..., None] = worker,
    ) -> None:
        self.refusal: str | None = None
        self._life = life
        self._settings = settings
        self._listener = listener
        self._progress = progress
        self._greet = greet
        self._members: set[_Member] = set()
        self._stopping = asyncio.Event()

    async def work(self, orders: Orders) -> None:
        """Start the workers, keep them going, and end them when told to."""
        configure_logs(self._settings)
        orders.obeyed_by(self._obey)
        try:
            if await self._answering(self._started()):
                others = [self._started() for _ in range(self._settings.workers - 1)]
                answering = await asyncio.gather(*map(self._answering, others))
                if all(answering) and not self._stopping.is_set():
                    self._greet()
                    await asyncio.gather(*map(self._kept_going, list(self._members)))
        finally:
            self._obey(1)
            await asyncio.gather(*(member.over() for member in self._members))

    def _obey(self, given: int) -> None:
        # A second order is for them as well: they then wait for nobody.
        self._stopping.set()
        for member in self._members:
            member.end()

    def _started(self) -> _Member:
        member = _Member(self._life, self._settings, self._listener, self._show)
        self._members.add(member)
        return member

    async def _answering(self, member: _Member) -> bool:
        """Whether it got as far as to answer."""
        waits = [asyncio.ensure_future(each.wait()) for each in (member.answers, member.ended)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not member.answers.is_set():
            reason = member.refusal or "A worker ended before it answered."
            self.refusal = self.refusal or (None if self._stopping.is_set() else reason)
            self._obey(1)
        return member.answers.is_set()

    async def _kept_going(self, member: _Member) -> None:
        while True:
            await member.over()
            self._members.discard(member)
            if self._stopping.is_set():
                return
            log.error("worker ended", pid=member.process.pid, status=member.process.exitcode, reason=member.refusal)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), PAUSE_SECONDS)
                return
            member = self._started()

    def _show(self, kind: str, *what: Any) -> None:
        if kind == "step":
            self._progress.step(*what)
        elif kind == "share":
            self._progress.share(*what)
