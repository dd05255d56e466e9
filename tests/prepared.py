"""How do tests get a demo school without each writing one? One is written a run; each test has a copy of its folder."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
from pathlib import Path

from tests.running_school import running_school


async def copy_of_school(place: Path, to: Path) -> Path:
    """A stopped data folder with the demo school, all of whose texts can be searched; owners are kept. Whoever comes
    first writes it into `place`, whoever comes meanwhile waits."""
    with (place / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not (place / "written").exists():
            async with running_school(place / "data") as school:
                await school.services.indexed.wait()
            (place / "written").touch()
    await asyncio.to_thread(subprocess.run, ["cp", "-a", place / "data", to], check=True)
    return to
