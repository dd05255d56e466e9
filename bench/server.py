"""How is a server started for a measurement, asked, and stopped so that nothing of it is left?"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from graph.explorer.tabs import demo_hints
from graph.settings import PREFIX, Settings, environment_name

ROOT: Final = Path(__file__).resolve().parent.parent
LONGEST_START_SECONDS: Final = 180.0
LONGEST_STOP_SECONDS: Final = 45.0
POLL_SECONDS: Final = 0.05
LARGEST_SIZE: Final = 10
LOG_IN: Final = "mutation LogIn($input: LogInInput!) { logIn(input: $input) { accessToken errors { message } } }"

# Never by way of a proxy that the environment names: the server is on this machine.
_http = build_opener(ProxyHandler({}))


class BenchError(Exception):
    """The measurement cannot go on; the message is a sentence."""


class Process(NamedTuple):
    """A running process: its parent and its resident memory in bytes."""

    pid: int
    parent: int
    resident: int


class Server:
    """`python -m graph serve` on a free port, with a data folder of its own and none of our settings but those given,
    as environment variables. `program` is another module that takes the same settings, with its arguments."""

    def __init__(
        self, data: Path, settings: Mapping[str, str] | None = None, program: Sequence[str] = ("graph", "serve")
    ) -> None:
        self.data = data
        self.port = _free_port()
        self.log = data.with_name(data.name + ".log")
        with self.log.open("ab") as log:
            self.started = time.perf_counter()
            self.process = subprocess.Popen(
                [sys.executable, "-m", *program],
                cwd=ROOT,
                env={**_environment(data, self.port), **(settings or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def until(self, holds: Callable[[], bool], what: str, every: float = POLL_SECONDS) -> float:
        """Seconds from the start until `holds()`. Raises BenchError when the server ends, or does not get there."""
        while not holds():
            if self.process.poll() is not None:
                raise BenchError(f"The server ended before {what}: {self._last_words()}")
            if self.elapsed > LONGEST_START_SECONDS:
                raise BenchError(f"{what} took more than {LONGEST_START_SECONDS:.0f} s: {self._last_words()}")
            time.sleep(every)
        return self.elapsed

    def page_answers(self) -> bool:
        """Whether a browser gets the page."""
        try:
            with _http.open(Request(f"{self._url}/graphql", headers={"accept": "text/html"}), timeout=10) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def ask(
        self, query: str, variables: dict[str, Any] | None = None, token: str | None = None, *, ledger: bool = False
    ) -> dict[str, Any]:
        """The response's members."""
        headers = {"content-type": "application/json", "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        if ledger:
            headers["x-studygraph-ledger"] = "1"
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        try:
            with _http.open(Request(f"{self._url}/graphql", body, headers), timeout=30) as answer:
                return dict(json.load(answer))
        except HTTPError as refused:
            return dict(json.load(refused))
        except (URLError, OSError) as error:
            return {"errors": [{"message": str(error)}]}

    def token(self, account: str) -> str:
        """An access token of a demo account. Raises BenchError."""
        hints = demo_hints(LARGEST_SIZE)
        answer = self.ask(LOG_IN, {"input": {"email": hints.accounts[account], "password": hints.password}})
        found = ((answer.get("data") or {}).get("logIn") or {}).get("accessToken")
        if not found:
            raise BenchError(f"{account} cannot log in: {answer}")
        return str(found)

    def stop(self) -> float:
        """Stop it by SIGTERM; how many seconds that took. Raises BenchError where a child outlives it."""
        if self.process.poll() is not None:
            return 0.0
        family = [each.pid for each in descendants(self.process.pid)]
        asked = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(LONGEST_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BenchError(f"The server did not stop within {LONGEST_STOP_SECONDS:.0f} s.") from None
        took = time.perf_counter() - asked
        left = {each.pid for each in _processes()} & set(family)
        if left:
            raise BenchError(f"Processes outlived the server: {sorted(left)}.")
        return took

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() or ["it said nothing"]
        return lines[-1][:500]


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder for data folders, removed with all that the servers put elsewhere."""
    path = Path(tempfile.mkdtemp(prefix="studygraph-bench-"))
    # Ours alone, but to be passed through: under root PostgreSQL's files belong to another account.
    path.chmod(0o711)
    try:
        yield path
    finally:
        for link in path.glob("*/*"):
            if link.is_symlink():
                shutil.rmtree(link.resolve().parent, ignore_errors=True)
        shutil.rmtree(path, ignore_errors=True)


def resident_bytes(pid: int) -> int:
    """A process's resident memory. Raises BenchError for one that is gone."""
    for each in _processes():
        if each.pid == pid:
            return each.resident
    raise BenchError(f"Process {pid} is gone.")


def descendants(pid: int) -> list[Process]:
    """The children of a process, and theirs."""
    every = _processes()
    found: list[Process] = []
    parents = {pid}
    while parents:
        below = [each for each in every if each.parent in parents]
        found += below
        parents = {each.pid for each in below}
    return found


def _processes() -> list[Process]:
    if not Path("/proc/self/statm").exists():
        lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
        rows = (map(int, line.split()) for line in lines.stdout.splitlines())
        return [Process(pid, parent, kibibytes * 1024) for pid, parent, kibibytes in rows]
    page = os.sysconf("SC_PAGE_SIZE")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                # The name in brackets may hold spaces; state and parent follow the last bracket.
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    resident = int((entry / "statm").read_text().split()[1]) * page
                    found.append(Process(int(entry.name), int(parent), resident))
    return found


def _environment(data: Path, port: int) -> dict[str, str]:
    """Our environment without any setting of the program: every store is embedded, every default is the default."""
    names = {environment_name(name) for name in Settings.model_fields}
    names |= {f"{name}_FILE" for name in names}
    ours = {name: value for name, value in os.environ.items() if name not in names and not name.startswith(PREFIX)}
    return ours | {
        "STUDYGRAPH_DATA_DIR": str(data),
        "STUDYGRAPH_PORT": str(port),
        "STUDYGRAPH_DEMO": "true",
        "STUDYGRAPH_LOG_LEVEL": "warning",
        # Counted all the same, as for everybody; one account asks for all here.
        "STUDYGRAPH_LIMIT_BUDGET": "999999999",
        "STUDYGRAPH_LIMIT_RATE": "999999999/minute",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
