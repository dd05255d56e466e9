"""Are servers of tests fetched whole, as they are pinned, or not at all, and is a machine without network no failure?

Maven and Go are programs of a few lines here, which say what the real ones say.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from tests.real.outcome import is_expected
from tests.servers import fetching
from tests.servers.pinned import OtherBytes, java_server
from tests.servers.server import Absent

MAKES_A_JAR = """
for word in "$@"; do
    case "$word" in -DoutputDirectory=*) mkdir -p "${word#*=}"; echo other > "${word#*=}/kafka.jar" ;; esac
done
"""
NOBODY = {
    "mvn": "[ERROR] transfer failed for https://maven.test/a.pom: Connect to maven.test:443 failed",
    "go": 'go: github.com/a/b@v1.0.0: Get "https://go.test/a/b": dial tcp: lookup go.test: no such host',
}
Tool = Callable[[str, str], Path]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Puts a program before all others; returns the file in which each run leaves a line. The cache is empty."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(fetching, "_unreached", {})
    monkeypatch.setenv("PATH", str(programs), prepend=":")

    def made(name: str, text: str) -> Path:
        runs = tmp_path / f"runs of {name}"
        runs.touch()
        program = programs / name
        program.write_text(f"#!/bin/sh\necho run >> '{runs}'\n{text}\n")
        program.chmod(0o755)
        return runs

    return made


@pytest.mark.parametrize(
    ("name", "fetch", "reason"),
    [
        ("mvn", lambda: fetching.jars("kafka"), "kafka {} could not be fetched: Maven reaches no registry"),
        ("go", lambda: fetching.built("versitygw"), "versitygw {} could not be fetched: Go reaches no registry"),
    ],
    ids=["Maven", "Go"],
)
def test_where_no_registry_is_reached_the_server_is_absent_and_nobody_asks_twice(
    tool: Tool, name: str, fetch: Callable[[], Path], reason: str
) -> None:
    runs = tool(name, f"echo '{NOBODY[name]}'; exit 1")
    version = "4.3.1" if name == "mvn" else "1.8.0"
    for _ in range(2):
        with pytest.raises(Absent) as absent:
            fetch()
        assert str(absent.value) == reason.format(version)
    assert is_expected(str(absent.value))
    assert runs.read_text() == "run\n"
    assert [path.name for path in fetching.CACHE.iterdir() if path.suffix not in (".lock", ".new")] == []


def test_what_a_registry_lacks_is_a_failure_with_the_tools_last_words(tool: Tool) -> None:
    tool("go", "echo 'go: github.com/a/b@v1.0.0: unknown revision v1.0.0'; exit 1")
    with pytest.raises(CalledProcessError) as failed:
        fetching.built("versitygw")
    assert failed.value.output == "go: github.com/a/b@v1.0.0: unknown revision v1.0.0\n"


def test_other_bytes_than_the_pinned_ones_are_refused_and_not_kept(tool: Tool) -> None:
    tool("mvn", MAKES_A_JAR)
    with pytest.raises(OtherBytes) as other:
        fetching.jars("kafka")
    said = ", ".join(sorted({*java_server("kafka").jars, "kafka.jar"}))
    assert str(other.value) == f"{said}: what Maven fetched for kafka 4.3.1 differs from pinned.json"
    assert not (fetching.CACHE / "kafka-4.3.1").exists()


def test_how_far_it_is_is_told_to_its_end(tool: Tool) -> None:
    tool("go", "echo runtime; echo net/http")
    told: list[tuple[str, int]] = []
    fetching.built("versitygw", lambda what, done, total: told.append((what, total - done)))
    assert [left for _, left in told][-1] == 0
    assert len(told) == 3
    assert {what for what, _ in told} == {"packages of versitygw"}
