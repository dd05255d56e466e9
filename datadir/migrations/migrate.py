"""How does PostgreSQL get its schema? Alembic revisions, run as the owner, one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from datadir.errors import StoreMisconfigured
from datadir.names import StoreName
from datadir.postgresql.opening import connected

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

HERE: Final = Path(__file__).resolve().parent
# Ten processes may start at once; the one that holds this lock migrates, the others find nothing to do.
ADVISORY_LOCK: Final = 7_378_697_629_483_820_646
# While a revision waits for a table, whoever comes after it waits behind it: the release that still answers must not
# notice. So a revision gives up soon, all of it, and is tried again.
LOCK_TIMEOUT: Final = "1s"
LOCK_ATTEMPTS: Final = 10
LOCK_PAUSE: Final = 0.5


def metadata_of_all_tables() -> MetaData:
    """The tables that revisions are compared with."""
    from datadir.postgresql import tables

    return tables.metadata


def revisions() -> list[str]:
    """This program's revisions, oldest first, by their files' names ("0001_core_schema"): found without importing
    Alembic, since a warm start needs no more."""
    return sorted(path.stem for path in (HERE / "versions").glob("[0-9]*.py"))


def head() -> str:
    """The number of the newest revision of this program."""
    return _number(revisions()[-1])


async def current(owner: asyncpg.Connection) -> str | None:
    """The revision that the database has, None before the first."""
    if await owner.fetchval("select to_regclass('public.alembic_version')") is None:
        return None
    version: str | None = await owner.fetchval("select version_num from public.alembic_version")
    return version


async def missing(owner_dsn: str) -> list[str]:
    """The revisions that the database has not had, oldest first; nothing is changed. Raises StoreMisconfigured where
    the database is newer than this program, cannot be reached or may not be read."""
    async with _owner(owner_dsn) as owner:
        return await _missing(owner)


async def upgrade(
    owner_dsn: str,
    *,
    target: str = "head",
    report: Callable[[str], None] = lambda step: None,
    attempts: int = LOCK_ATTEMPTS,
) -> bool:
    """Bring the database to `target`, a revision at a time; False where it is there already. `report` hears of each.

    `target` is "head", a revision's number to go up to, or one with a minus to go down to ("-0001", "-base").
    Raises StoreMisconfigured where the database is newer than this program, the user may not change it, or a table
    stayed locked in all `attempts` at a revision."""
    async with _owner(owner_dsn) as owner:
        await owner.execute("select pg_advisory_lock($1)", ADVISORY_LOCK)
        if target.startswith("-"):
            await _run(owner_dsn, target)
            return True
        wanted = [each for each in await _missing(owner) if target == "head" or _number(each) <= target]
        for revision in wanted:
            await _stubbornly(owner_dsn, revision, report, attempts)
        return bool(wanted)


async def _missing(owner: asyncpg.Connection) -> list[str]:
    version = await current(owner)
    if version is not None and version > head():
        raise StoreMisconfigured(
            StoreName.POSTGRESQL,
            f"The database is at schema revision {version}, newer than this program's {head()}: update the program.",
        )
    return [revision for revision in revisions() if version is None or _number(revision) > version]


def _number(revision: str) -> str:
    return revision.partition("_")[0]


@asynccontextmanager
async def _owner(owner_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner; what it is refused is said in words."""
    owner = await connected(owner_dsn)
    try:
        yield owner
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreMisconfigured(
            StoreName.POSTGRESQL,
            f"The database user may not change the schema: {error.message} (what takes a superuser, "
            "datadir/postgresql/init.sql does before).",
        ) from error
    finally:
        await owner.close()


async def _stubbornly(owner_dsn: str, revision: str, report: Callable[[str], None], attempts: int) -> None:
    """Run one revision; again where a table was locked for longer than LOCK_TIMEOUT."""
    number, _, words = revision.partition("_")
    step = f"migrating postgresql, {words.replace('_', ' ')}"
    report(step)
    for attempt in range(1, attempts + 1):
        try:
            with _drivers_own_errors():
                await _run(owner_dsn, number)
            return
        except asyncpg.LockNotAvailableError as error:
            if attempt == attempts:
                raise StoreMisconfigured(
                    StoreName.POSTGRESQL,
                    f"Revision {number} was given up, because somebody holds a table all the time "
                    f"({error.message}): end that, and migrate again.",
                ) from error
        report(f"{step}, which somebody holds")
        await asyncio.sleep(LOCK_PAUSE)
        report(step)


@contextmanager
def _drivers_own_errors() -> Iterator[None]:
    """Raise a missing right, or a lock that was not had, as asyncpg's own error: SQLAlchemy wraps it twice."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        if isinstance(cause, (asyncpg.InsufficientPrivilegeError, asyncpg.LockNotAvailableError)):
            raise cause from error
        raise


async def _run(owner_dsn: str, target: str) -> None:
    """What leads to `target`, in one transaction."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    def run(connection: Connection) -> None:
        config = Config(str(HERE / "alembic.ini"))
        config.attributes["connection"] = connection
        if target.startswith("-"):
            command.downgrade(config, target.removeprefix("-"))
        else:
            command.upgrade(config, target)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(owner_dsn, timeout=10, server_settings={"lock_timeout": LOCK_TIMEOUT})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()
