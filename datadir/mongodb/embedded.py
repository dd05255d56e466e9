"""How does MongoDB run when MONGODB_URL names none? SecantusDB, MongoDB's wire protocol over WiredTiger, as our child.

It is GPL-2.0: a program of its own that is started and spoken to, never imported. It listens on a port of the
loopback, so it asks for a password (SCRAM), which lies in `DATA/mongodb/credentials`. The user is made by a first
server without passwords on files that nobody has used yet; that server is reachable for the part of a second which
this takes. Every acknowledged write is on the disk (`--sync-on-commit`).

What it does not imitate: `$text` and text indexes, `$where` and JavaScript, replica sets and shards (so no change
streams), TLS, SCRAM-SHA-1. Expired documents are swept once a minute. A find of 20 documents costs about 6 ms of CPU.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import socket
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from datadir.data_folder import DataFolder
from datadir.errors import StoreMisconfigured
from datadir.launcher import Child, Launcher, Program
from datadir.names import StoreName

USER = "studygraph"
DATABASE = "studygraph"
_HOST = "127.0.0.1"
_PACKAGE = "secantusdb"
# All databases, for tests that make one each; nothing about users.
_ROLES = ["readWriteAnyDatabase", "dbAdminAnyDatabase", "clusterMonitor"]
_COMPLAINT = re.compile(r"^[\w.]*(Error|Exception|Panic)\b.*")
_PORT_TAKEN = "in use"
_PORT_ATTEMPTS = 3


async def start(launcher: Launcher, folder: DataFolder) -> str:
    """Start SecantusDB on the data folder, making its user at first; answers its URL, password included.

    Raises StoreMisconfigured (no package, damaged files) or DataFolderUnusable.
    """
    if not find_spec("secantus"):
        raise StoreMisconfigured(
            StoreName.MONGODB,
            f"MONGODB_URL is not set, and the embedded MongoDB (package {_PACKAGE}) is not installed for this "
            "platform: pip install 'studygraph[embedded]', or name a server in MONGODB_URL",
        )
    storage = folder.storage("mongodb")
    (storage / "secantusd.toml").touch()
    files = storage / "wiredtiger"
    if not files.exists():
        launcher.report("creating the files of mongodb")
        await _create(launcher, storage, files)
    password = _password(storage)
    launcher.report("starting mongodb")
    for attempt in range(_PORT_ATTEMPTS):
        child, port = await _serve(launcher, storage, files, auth=True, fresh=attempt > 0)
        url = f"mongodb://{USER}:{password}@{_HOST}:{port}/{DATABASE}?authSource=admin&directConnection=true"
        if await _log_in(url, storage) == child.pid:
            return url
        # A server on a copy of this folder took the port in the same moment, and has our password: ours has none.
        await launcher.end(child)
    raise StoreMisconfigured(StoreName.MONGODB, f"Other servers take each port on {_HOST} from the embedded MongoDB")


async def _create(launcher: Launcher, storage: Path, files: Path) -> None:
    """Files with the one user, complete or not at all: made under another name, renamed when the server has stopped."""
    draft = storage / "wiredtiger.new"
    shutil.rmtree(draft, ignore_errors=True)
    password = secrets.token_urlsafe(24)
    _write_private(storage / "credentials", json.dumps({"user": USER, "password": password}))
    child, port = await _serve(launcher, storage, draft, auth=False)
    url = f"mongodb://{_HOST}:{port}/?directConnection=true"
    async with AsyncMongoClient[dict[str, object]](url, serverSelectionTimeoutMS=5000) as client:
        await client.admin.command("createUser", USER, pwd=password, roles=_ROLES)
    await launcher.end(child)
    draft.rename(files)


def _password(storage: Path) -> str:
    try:
        return str(json.loads((storage / "credentials").read_text())["password"])
    except (OSError, ValueError, KeyError, TypeError):
        raise StoreMisconfigured(
            StoreName.MONGODB,
            f"The folder {storage} is damaged (credentials is missing or unreadable): bring back a copy, or start "
            "afresh with DATA=...",
        ) from None


async def _log_in(url: str, storage: Path) -> int:
    """The id of the process that answers there. Raises StoreMisconfigured where it does not let us in."""
    try:
        async with AsyncMongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=5000) as client:
            about = await client.admin.command("serverStatus")
    except OperationFailure:
        reason = "its password is not the one in credentials"
    except PyMongoError as error:
        reason = f"its server does not answer ({error})"
    else:
        return int(about["pid"])
    raise StoreMisconfigured(
        StoreName.MONGODB,
        f"The folder {storage} is damaged ({reason}): bring back a copy, or start afresh with DATA=...",
    )


async def _serve(
    launcher: Launcher, storage: Path, files: Path, *, auth: bool, fresh: bool = False
) -> tuple[Child, int]:
    """Start the server on `files`; it and its port, the one of the last run where that is free, unless it must be a
    `fresh` one."""
    for attempt in range(_PORT_ATTEMPTS):
        port = _free_port(storage / "port", fresh=fresh or attempt > 0)
        try:
            child = await launcher.start(_program(storage, files, port, auth=auth), partial(_accepts, port))
        except StoreMisconfigured as refusal:
            if _PORT_TAKEN not in str(refusal) or attempt == _PORT_ATTEMPTS - 1:
                raise
        else:
            return child, port
    raise AssertionError("the last attempt returns or raises")


def _program(storage: Path, files: Path, port: int, *, auth: bool) -> Program:
    # -P: its own folder is its working directory, and must not become a place to import from.
    command = [sys.executable, "-P", "-m", "secantus", "--config", str(storage / "secantusd.toml")]
    command += ["--host", _HOST, "--port", str(port), "--storage-path", str(files), "--cache-size", "128M"]
    command += ["--standalone", "--sync-on-commit", "--log-level", "ERROR", *(["--auth"] if auth else [])]
    return Program(
        store=StoreName.MONGODB,
        command=command,
        cwd=storage,
        stop=signal.SIGTERM,
        # Its SIGTERM handler can lock itself out when the signal comes at a bad moment; nothing acknowledged is lost.
        orphaned=signal.SIGKILL,
        complaint=_COMPLAINT,
        environment=_bytecode(storage),
        # Its stop waits 2 s for a thread that only a connection wakes. One that comes together with the signal can
        # make that thread receive the signal, and Python's main thread sleeps on: hence NUDGE_SECONDS and a patience
        # that costs nobody a write.
        patience=5.0,
        nudge=partial(_accepts, port),
    )


def _bytecode(storage: Path) -> dict[str, str]:
    """Compiling the server's modules takes 2 s of each start where they were installed without, and cannot be kept."""
    package = find_spec("secantus")
    if package and package.cached and Path(package.cached).exists():
        return {}
    return {"PYTHONPYCACHEPREFIX": str(storage / "bytecode")}


async def _accepts(port: int, child: Child | None = None) -> bool:
    try:
        _, writer = await asyncio.open_connection(_HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def _free_port(kept: Path, *, fresh: bool) -> int:
    """The port in the file `kept` when it is free, else another, which is then kept."""
    try:
        wished = 0 if fresh else int(kept.read_text())
    except (OSError, ValueError):
        wished = 0
    for port in (wished, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except (OSError, OverflowError):
                continue
            found = int(probe.getsockname()[1])
        kept.write_text(f"{found}\n")
        return found
    raise StoreMisconfigured(StoreName.MONGODB, f"There is no free port on {_HOST} for the embedded MongoDB")


def _write_private(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(text)
        os.fsync(descriptor)
    draft.replace(file)
