"""Which PostgreSQL do tests run on: 18 and 16 with pgvector from the wheel, 15 from Debian?

Unlike the embedded server they are asked over TCP with a password, by an owner that is no superuser: what an operator
gives the program. PostgreSQL refuses root, so under root they run as the account `postgres`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from datadir.data_folder import DataFolder
from datadir.launcher import Launcher, Program
from datadir.names import StoreName
from datadir.postgresql import embedded
from tests.servers.server import Absent, Process, Server, free_ports, temporary_place

VERSIONS: Final = (18, 16, 15)
OWNER = "school_owner"
PASSWORD = "pass-of-tests"
DATABASE = "school"
DEBIANS = 15
_FIRST = f"""\
alter role postgres password '{PASSWORD}';
create role {OWNER} login createrole password '{PASSWORD}';
do $$ begin if exists (select from pg_available_extensions where name = 'vector') then \
create extension vector; end if; end $$;
create database {DATABASE} owner {OWNER};
"""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "fsync": "off",  # a SIGKILL loses nothing by that, and these files are gone with the run
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass
class PostgresServer(Server):
    """A PostgreSQL. `admin_dsn` is for what operators do (making databases, ending connections); the settings name the
    owner of a database that is empty at first. `log` is the server's own, where the server is ours."""

    admin_dsn: str = ""
    log: Path | None = None

    @property
    def dsn(self) -> str:
        """Where the owner connects."""
        return self.settings["DATABASE_URL"]

    def database(self, name: str, *, admin: bool = False) -> str:
        """The address of another database of this server, as its owner."""
        address = urlsplit(self.admin_dsn if admin else self.dsn)
        return address._replace(path=f"/{name}").geturl()

    async def create_database(self, name: str) -> None:
        """Make an empty database for the owner, with `vector` where the server has it."""
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            await admin.execute(f'create database "{name}" owner "{urlsplit(self.dsn).username}"')
        finally:
            await admin.close()

    async def drop_database(self, name: str) -> None:
        """Drop it, whoever is connected."""
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            await admin.execute(f'drop database "{name}" with (force)')
        finally:
            await admin.close()


@asynccontextmanager
async def running(version: int, settings: Mapping[str, str] | None = None) -> AsyncIterator[PostgresServer]:
    """PostgreSQL of a major version. With `settings` of postgresql.conf it is always one of ours. Raises Absent."""
    named = os.environ.get("DATABASE_URL", "").replace("postgresql+asyncpg://", "postgresql://", 1)
    if named and settings is None and await _version(named) == version:
        yield PostgresServer({"DATABASE_URL": named}, admin_dsn=named)
        return
    async with temporary_place() as (folder, launcher):
        ours = _Ours(folder, launcher, version)
        await ours.create()
        [port] = free_ports(1)
        process = ours.process(port, _SETTINGS | dict(settings or {}))
        await process.start()
        log = folder.path / "logs" / "postgresql.log"
        yield PostgresServer({"DATABASE_URL": _dsn(OWNER, port, DATABASE)}, [process], _dsn("postgres", port), log)


class _Ours:
    """The files of one server and the programs that work on them."""

    def __init__(self, folder: DataFolder, launcher: Launcher, version: int) -> None:
        self._launcher = launcher
        self._account = folder.service_user
        self._storage = folder.storage("postgresql", as_service_user=True)
        self._cluster = self._storage / "cluster"
        if version == DEBIANS:
            self._programs = Path(f"/usr/lib/postgresql/{version}/bin")
            if not (self._programs / "postgres").is_file():
                raise Absent(f"postgresql-{version} is not installed (Debian: apt install postgresql-{version})")
        else:
            self._programs = embedded._programs(folder, self._storage, version, self._account)

    async def create(self) -> None:
        """Make the files, with the owner, a database of its own, and `vector` in each database that will be made."""
        options = ["--username=postgres", "--encoding=UTF8", "--locale=C", "--auth-local=trust", "--no-sync"]
        initdb = self._program("initdb", "-D", str(self._cluster), *options, "--auth-host=scram-sha-256")
        await self._launcher.run(initdb)
        await self._launcher.run(self._program("postgres", "--single", "-D", str(self._cluster), "template1"), _FIRST)

    def process(self, port: int, settings: Mapping[str, str]) -> Process:
        """The server itself, not started yet."""
        chosen = {**settings, "port": str(port)}
        words = [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]

        async def answers() -> bool:
            try:
                connection = await asyncpg.connect(_dsn("postgres", port), timeout=2)
            except (OSError, TimeoutError, asyncpg.PostgresError):
                return False
            await connection.close()
            return True

        return Process(self._launcher, self._program("postgres", "-D", str(self._cluster), *words), answers)

    def _program(self, name: str, *words: str) -> Program:
        return Program(
            store=StoreName.POSTGRESQL,
            command=[str(self._programs / name), *words],
            cwd=self._storage,
            stop=signal.SIGINT,
            orphaned=signal.SIGINT,
            complaint=embedded._COMPLAINT,
            account=self._account,
        )


def _dsn(user: str, port: int, database: str = "postgres") -> str:
    return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{port}/{database}"


async def _version(dsn: str) -> int:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        version: int = connection.get_server_version().major
    finally:
        await connection.close()
    if version not in VERSIONS:
        raise ValueError(f"DATABASE_URL names PostgreSQL {version}; the contracts run on {VERSIONS}")
    return version
