"""Do the embedded servers stop with us, survive a SIGKILL and come back with every row?"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from datadir import orphans
from datadir.launcher import REVIVALS
from tests.process.held import IS_ROOT, KEPT, all_gone, holding, linux_only, program, read, write


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


async def test_servers_that_die_are_started_again_with_every_row_where_they_were(data: Path) -> None:
    async with holding(data) as holder:
        await write(holder.said)
        for pid in holder.pids.values():
            os.kill(pid, signal.SIGKILL)
        pids: dict[str, int] = {}
        while pids.keys() != holder.pids.keys() or pids.items() & holder.pids.items():
            pids = await holder.pids_again()
        assert await read(holder.said) == KEPT


async def test_the_program_ends_with_a_sentence_when_a_server_dies_again_and_again(data: Path) -> None:
    async with holding(data, "redis") as holder:
        pid = holder.pids["redis"]
        for _ in range(REVIVALS):
            os.kill(pid, signal.SIGKILL)
            pid = (await holder.pids_again())["redis"]
        os.kill(pid, signal.SIGKILL)
        status, complaint = await holder.ended()
    assert status == 1
    assert complaint.startswith(f"redis (process {pid}) ended with signal SIGKILL: ")
    assert f"(log: {data}/logs/redis.log). It had been started again 3 times" in complaint


async def test_the_program_ends_with_a_sentence_when_a_dead_server_does_not_start_again(data: Path) -> None:
    async with holding(data, "redis") as holder:
        [increment] = (data / "redis" / "appendonlydir").glob("*.incr.aof")
        increment.write_bytes(b"*2\r\n$6\r\nSELECT\r\nnonsense, and more of it\r\n")
        os.kill(holder.pids["redis"], signal.SIGKILL)
        status, complaint = await holder.ended()
    assert status == 1
    assert complaint.startswith("redis does not start on the data folder ")


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
