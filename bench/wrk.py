"""How is a server kept busy for some seconds? By wrk; where there is none by `bench.load`, which costs more itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Any, Final

from bench import load
from bench.server import BenchError

HERE: Final = shutil.which("wrk") is not None

# An answer with errors begins with them. wrk has one Lua state a thread, and one for `setup` and `done`.
_SCRIPT: Final = """
local threads = {}
bad = 0
function setup(thread) table.insert(threads, thread) end
function response(status, headers, body)
  if status ~= 200 or not body:find(expected) then bad = bad + 1 end
end
function done(summary, latency, requests)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("bad") end
  local errors = summary.errors
  io.write(string.format("\\nmeasured %d %d %d %d\\n", summary.requests, wrong,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One HTTP request: a body is sent by POST."""

    port: int
    path: str
    token: str
    body: bytes | None = None
    # Its answer holds errors, and data all the same.
    fails: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """All headers but those that every client makes itself."""
        headers = {"accept": "application/json", "authorization": f"Bearer {self.token}"}
        return headers if self.body is None else headers | {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Load:
    """What a round sent: answers, those that the server gave after the end of the count included; the 99th of a
    hundred latencies in ms."""

    answers: int
    p99_ms: float


def kept_busy(question: Question, connections: int, seconds: float) -> Load:
    """Ask over and over on each connection. Raises BenchError for any answer with errors."""
    if not HERE:
        found = load.measured(question.port, _bytes(question), connections, seconds, fails=question.fails)
        return Load(len(found.latencies), load.percentile(found.latencies, 0.99) * 1000)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_settings(question) + _SCRIPT)
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script.name]
        ran = subprocess.run(
            [*command, f"http://127.0.0.1:{question.port}{question.path}"], capture_output=True, text=True, check=False
        )
    line = next((each for each in ran.stdout.splitlines() if each.startswith("measured ")), "")
    if not line:
        raise BenchError(f"wrk does not say what it measured: {ran.stderr.strip() or ran.stdout.strip()}")
    requests, wrong, broken, p99 = map(int, line.split()[1:])
    if wrong or broken:
        raise BenchError(f"{question.path}: {wrong} of {requests} answers hold errors, {broken} connections broke.")
    # Each connection had one question on its way when wrk stopped; the server answers it all the same.
    return Load(requests + connections, p99 / 1000)


def _settings(question: Question) -> str:
    lines = [f"expected = {_lua('^{' + (chr(34) + 'errors' if question.fails else chr(34) + 'data') + chr(34))}"]
    lines += [f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in question.headers.items()]
    if question.body is not None:
        lines += ['wrk.method = "POST"', f"wrk.body = {_lua(question.body.decode())}"]
    return "\n".join(lines) + "\n"


def _lua(text: str) -> str:
    """A text in Lua's words: JSON's escapes are Lua's, but for those of characters beyond ASCII."""
    return json.dumps(text, ensure_ascii=False)


def _bytes(question: Question) -> bytes:
    method = "GET" if question.body is None else "POST"
    headers: dict[str, Any] = {"host": f"127.0.0.1:{question.port}", **question.headers}
    if question.body is not None:
        headers["content-length"] = len(question.body)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {question.path} HTTP/1.1\r\n{head}\r\n".encode() + (question.body or b"")
