"""What does `python -m graph migrate` do, and what does `--check` say without doing it?"""

from __future__ import annotations

from pathlib import Path

from datadir.data_folder import claim
from datadir.launcher import Launcher
from datadir.migrations import migrate
from datadir.migrations.pending import CHECKS, NO_FILES
from datadir.postgresql import embedded
from tests.process.served import started

PENDING = "studygraph: {} pending: `python -m graph migrate` makes them, and so does a start."


async def check(data: Path) -> tuple[int, list[str]]:
    """The exit status of `--check`, and what it said."""
    async with started(data, "migrate --check") as checking:
        return await checking.ended()


async def back_to(data: Path, revision: str) -> None:
    """Take the embedded PostgreSQL back to an older release's schema."""
    with claim(data) as folder:
        async with Launcher(folder) as launcher:
            address = await embedded.start(launcher, folder)
            await migrate.upgrade(address.owner_dsn, target=f"-{revision}")


async def test_check_names_what_is_pending_and_migrate_makes_it(data: Path) -> None:
    nothing_is_there = [f"{store.value}: {NO_FILES}" for store in CHECKS]
    assert await check(data) == (1, [*nothing_is_there, PENDING.format(f"{len(CHECKS)} changes are")])
    assert {path.name for path in data.iterdir()} <= {"lock", "logs", "children.json"}, "looking has made nothing"
    async with started(data, "migrate") as migrating:
        assert await migrating.ended() == (0, [])

    await back_to(data, "0001")
    newer = [f"postgresql: revision {revision}" for revision in migrate.revisions()[1:]]
    assert await check(data) == (1, [*newer, PENDING.format(f"{len(newer)} changes are")])
    async with started(data, "migrate") as migrating:
        assert await migrating.ended() == (0, [])
        assert "migrating postgresql, all seeds ..." in migrating.said, "looking has changed nothing"
    assert await check(data) == (0, ["Every store is up to date."])
