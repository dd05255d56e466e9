"""Do the clients that run on Node work against our server? Each has a file of tests beside this one."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from importlib.metadata import version

import pytest

from tests.clients.conftest import HERE, shown
from tests.process.served import PATIENCE, Served

ROOT = HERE.parents[1]
COUNTS = re.compile(r"^\S (pass|fail|skipped|cancelled|todo) (\d+)$", re.M)
FILES = sorted(path.name for path in HERE.glob("*.test.js"))


@pytest.mark.parametrize("file", FILES)
async def test_client(file: str, node: str, served: Served) -> None:
    process = await asyncio.create_subprocess_exec(
        node,
        "--test",
        "--test-reporter=spec",
        file,
        cwd=HERE,
        env=await shown(served),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = said.decode()
    counts = {name: int(number) for name, number in COUNTS.findall(text)}
    passed = counts.pop("pass", 0)
    assert process.returncode == 0, text
    # A file that loads nothing passes too, as one test.
    assert passed == len(re.findall(r"^✔ ", text, re.M)) > 1, text
    assert set(counts.values()) == {0}, text


def test_every_client_is_documented_in_the_version_that_is_tested() -> None:
    documented = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
    for file in FILES:
        assert f"(../tests/clients/{file})" in documented
    pinned: dict[str, str] = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    pinned["gql"] = version("gql")
    told = dict(re.findall(r"`([^`\s]+)` (\d+\.\d+\.\d+)\b", documented))
    assert told == {name: pinned[name] for name in told}
    assert all(f"`{name}`" in documented for name in pinned)


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
