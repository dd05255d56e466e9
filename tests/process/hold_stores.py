"""What does a program look like that holds embedded stores, for tests that stop and kill it?

`python -m tests.process.hold_stores DATA [STORE...]` prints one line of JSON once the stores answer (addresses, process
ids, sockets, notice), and holds them until SIGINT or SIGTERM (status 0) or until one of them cannot be kept alive
(status 1). When one was started again it prints a line with the process ids. A refusal is a sentence on standard error
(status 2).
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from datadir import data_folder
from datadir.errors import StoreMisconfigured
from datadir.launcher import Launcher
from datadir.mongodb import embedded as mongodb
from datadir.postgresql import embedded as postgresql
from datadir.redis import embedded as redis

STARTS: dict[str, Callable[[Launcher, data_folder.DataFolder], Awaitable[object]]] = {
    "postgresql": postgresql.start,
    "redis": redis.start,
    "mongodb": mongodb.start,
}


def say(line: str) -> None:
    """One line for the test."""
    print(line, flush=True)  # noqa: T201


async def hold(folder: data_folder.DataFolder, stores: list[str]) -> int:
    """Start the stores side by side and hold them; answers the exit status."""
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop.set)
    async with Launcher(folder) as launcher:
        addresses = await asyncio.gather(*(STARTS[store](launcher, folder) for store in stores))
        answer = {
            "addresses": dict(zip(stores, addresses, strict=True)),
            "pids": launcher.pids,
            "run_dir": str(folder.run_dir),
            "notice": folder.notice,
        }
        say(json.dumps(answer))
        died = asyncio.create_task(launcher.keep_alive(lambda sentence: say(json.dumps(launcher.pids))))
        stopped = asyncio.create_task(asked_to_stop.wait())
        await asyncio.wait((died, stopped), return_when=asyncio.FIRST_COMPLETED)
        if died.done():
            sys.stderr.write(f"{died.result()}\n")
            return 1
        died.cancel()
        return 0


def main(path: Path, stores: list[str]) -> int:
    """Claim, hold, release."""
    try:
        with data_folder.claim(path) as folder:
            return asyncio.run(hold(folder, stores))
    except (data_folder.DataFolderError, StoreMisconfigured) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:] or list(STARTS)))
