"""Who may hold a data folder, and where do its files lie under root?"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from datadir import data_folder, orphans
from datadir.data_folder import DataFolderHeld, DataFolderUnusable
from datadir.launcher import Launcher
from datadir.postgresql import embedded as postgresql
from tests.process.held import KEPT, holding, ordinary_only, read, refusal, root_only, write


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
