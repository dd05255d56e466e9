"""How do the servers that no package of ours carries come onto this machine, once?

Cassandra and Kafka by Maven, versitygw by Go, from whatever registries those are configured for. What was fetched is
compared with `pinned.json` and kept in `.cache/servers`, which git ignores; the next run needs no network. A tool that
is missing and a registry that nobody reaches are `Absent`; whatever else goes wrong is an error.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.pinned import go_server, java_server, pin, sums
from tests.servers.server import Absent

CACHE = Path(__file__).parents[2] / ".cache" / "servers"

# How Maven and Go say that they reached nobody. A registry that answers and lacks something is an error.
_NOBODY_ANSWERS = re.compile(
    r"Unknown host|Name or service not known|Temporary failure in name resolution|No address associated|no such host"
    r"|Connection refused|connection refused|Network is unreachable|network is unreachable|No route to host"
    r"|no route to host|[Tt]imed out|i/o timeout|TLS handshake timeout|in offline mode|GOPROXY=off|transfer failed for"
)
# Servers that could not be fetched in this process: nobody tries again.
_unreached: dict[str, Absent] = {}

Share = Callable[[str, int, int], None]
"""Told how far something is: what, how many of it, of how many."""


def unseen(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def java(least: int, most: int | None = None) -> str:
    """The `java` of this machine, where it is of these versions. Raises Absent."""
    program = shutil.which("java")
    if program is None:
        raise Absent("java is not installed (Debian: apt install openjdk-17-jre-headless)")
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stderr
    version = re.search(r'version "(\d+)', said)
    found = int(version[1]) if version else 0
    if not least <= found <= (most or found):
        raise Absent(f"java is version {found}, and {'no other than ' if most else ''}{least} is needed")
    return program


def jars(name: str, share: Share = unseen) -> Path:
    """The folder with the jars of `cassandra` or `kafka`, fetched where they are not there. Raises Absent, OtherBytes,
    or CalledProcessError with Maven's last words."""
    server = java_server(name)
    with _made(f"{name}-{server.version}") as (folder, draft):
        if draft is not None:
            (draft / "pom.xml").write_text(server.pom())
            command = [_tool("mvn", "maven"), "--batch-mode", "--file", str(draft / "pom.xml")]
            goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={draft / 'jars'}"]
            done = {"fetched": 0, "copied": 0}

            def heard(line: str) -> None:
                done["fetched"] += "Downloaded" in line and ".jar" in line
                done["copied"] += "Copying" in line
                share(f"jars of {name}", min(max(done.values()), len(server.jars)), len(server.jars))

            with _registry_of(f"{name} {server.version}", "Maven"):
                _run([*command, *goal], draft, heard)
            server.check(draft / "jars")
            share(f"jars of {name}", len(server.jars), len(server.jars))
    return folder / "jars"


def built(name: str, share: Share = unseen) -> Path:
    """The program `versitygw`, built where it is not there. Raises Absent, or CalledProcessError with Go's last
    words."""
    server = go_server(name)
    with _made(f"{name}-{server.version}") as (folder, draft):
        if draft is not None:
            server.write(draft)
            # -v: a line for each package that is compiled, and for each module that is fetched.
            flags = ["-v", "-mod=readonly", "-trimpath", "-ldflags", "-s -w"]
            done = 0

            def heard(line: str) -> None:
                nonlocal done
                done += not line.startswith("go: ")
                share(f"packages of {name}", min(done, server.packages), server.packages)

            go = _tool("go", "golang, or from its makers")
            with _registry_of(f"{name} {server.version}", "Go"):
                _run([go, "build", *flags, "-o", str(draft / name), server.command], draft, heard)
            share(f"packages of {name}", server.packages, server.packages)
    return folder / name


def pin_all() -> None:
    """Write what the versions in `pinned.json` bring into it: the jars' sums, Go's modules and sums."""
    for name in ("cassandra", "kafka"):
        server = java_server(name)
        with _scratch() as draft:
            (draft / "pom.xml").write_text(server.pom())
            goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={draft / 'jars'}"]
            _run([_tool("mvn", "maven"), "--batch-mode", "--file", str(draft / "pom.xml"), *goal], draft)
            pin(name, jars=sums(draft / "jars"))
    gateway = go_server("versitygw")
    with _scratch() as draft:
        go = _tool("go", "golang, or from its makers")
        module = gateway.command.removesuffix("/cmd/versitygw")
        (draft / "go.mod").write_text("module servers\n\ngo 1.26\n")
        _run([go, "get", "-tool", f"{gateway.command}@v{gateway.version}"], draft)
        _run([go, "mod", "tidy"], draft)
        listed = subprocess.run(
            [go, "list", "-deps", gateway.command], cwd=draft, capture_output=True, text=True, check=True
        )
        assert module in (draft / "go.mod").read_text()
        pin(
            "versitygw",
            modules=(draft / "go.mod").read_text().splitlines(),
            sums=(draft / "go.sum").read_text().splitlines(),
            packages=len(listed.stdout.splitlines()),
        )


@contextmanager
def _made(name: str) -> Iterator[tuple[Path, Path | None]]:
    """A folder of the cache, and another to make it in where it is not there: complete, or not at all. Whoever comes
    meanwhile waits."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder, draft = CACHE / name, CACHE / f"{name}.new"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            yield folder, None
            return
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield folder, draft
        draft.rename(folder)


@contextmanager
def _scratch() -> Iterator[Path]:
    CACHE.mkdir(parents=True, exist_ok=True)
    draft = CACHE / "pin.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    yield draft
    shutil.rmtree(draft)


@contextmanager
def _registry_of(what: str, tool: str) -> Iterator[None]:
    """Where the tool reaches nobody, Absent instead of its failure, also for whoever asks again."""
    if what in _unreached:
        raise _unreached[what]
    try:
        yield
    except subprocess.CalledProcessError as failed:
        if not _NOBODY_ANSWERS.search(failed.output):
            raise
        _unreached[what] = Absent(f"{what} could not be fetched: {tool} reaches no registry")
        raise _unreached[what] from failed


def _tool(name: str, package: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise Absent(f"{name} is not installed (Debian: apt install {package})")
    return program


def _run(command: Sequence[str], folder: Path, heard: Callable[[str], object] = len) -> None:
    """Run a tool to its end; `heard` gets each line it says. Raises CalledProcessError with its last lines."""
    last: deque[str] = deque(maxlen=15)
    environment = {**os.environ, "GOFLAGS": "", "GOWORK": "off"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line)
            heard(line)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, "".join(last))
