"""Which versions of the fetched servers do we test on, and are the bytes that came the ones we chose?

`pinned.json` beside this file is the one place: versions, what to ask Maven and Go for, the sha256 of every jar and
Go's own sums. `python -m tests.servers pin` writes it anew from what is fetched, after a version in it was changed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("pinned.json")


class OtherBytes(Exception):
    """What was fetched is not what is pinned; the message is a sentence."""


@dataclass(frozen=True)
class JavaServer:
    """A server whose jars come by Maven."""

    name: str
    version: str
    artifacts: tuple[str, ...]
    plugin: str
    jars: dict[str, str]
    """The sha256 of each, by file name."""

    def pom(self) -> str:
        """What Maven is told: these artifacts and all that they need."""
        dependencies = "".join(_element("dependency", artifact) for artifact in self.artifacts)
        return (
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
            f"<groupId>tests</groupId><artifactId>{self.name}</artifactId><version>1</version>"
            f"<packaging>pom</packaging><dependencies>{dependencies}</dependencies>"
            f"<build><plugins>{_element('plugin', self.plugin)}</plugins></build></project>\n"
        )

    def check(self, folder: Path) -> None:
        """Compare a folder of jars with what is pinned. Raises OtherBytes."""
        found = sums(folder)
        odd = sorted(name for name in found.keys() | self.jars.keys() if found.get(name) != self.jars.get(name))
        if odd:
            raise OtherBytes(
                f"{', '.join(odd)}: what Maven fetched for {self.name} {self.version} differs from {FILE.name}"
            )


@dataclass(frozen=True)
class GoServer:
    """A server that Go builds from its module; `modules` and `sums` are go.mod and go.sum, line by line."""

    name: str
    version: str
    command: str
    modules: tuple[str, ...]
    sums: tuple[str, ...]
    packages: int
    """How many packages are compiled, for whoever watches."""

    def write(self, folder: Path) -> None:
        """Write go.mod and go.sum, by which Go itself compares what it fetches."""
        (folder / "go.mod").write_text("\n".join(self.modules) + "\n")
        (folder / "go.sum").write_text("\n".join(self.sums) + "\n")


def sums(folder: Path) -> dict[str, str]:
    """The sha256 of each jar in a folder, by file name."""
    return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in sorted(folder.glob("*.jar"))}


def java_server(name: str) -> JavaServer:
    """`cassandra` or `kafka`."""
    read = _read()
    entry = read[name]
    return JavaServer(name, entry["version"], tuple(entry["artifacts"]), read["maven_plugin"], entry["jars"])


def go_server(name: str) -> GoServer:
    """`versitygw`."""
    entry = _read()[name]
    return GoServer(
        name, entry["version"], entry["command"], tuple(entry["modules"]), tuple(entry["sums"]), entry["packages"]
    )


def pin(name: str, **members: Any) -> None:
    """Write members of one server's entry."""
    entries = _read()
    entries[name].update(members)
    FILE.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def _read() -> dict[str, Any]:
    entries: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return entries


def _element(kind: str, coordinates: str) -> str:
    group, artifact, version = coordinates.split(":")
    return f"<{kind}><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></{kind}>"
