"""How does PostgreSQL get its schema? Alembic revisions, run as the owner, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from datadir.errors import StoreMisconfigured
from datadir.names import StoreName

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

HERE: Final = Path(__file__).resolve().parent
# Ten processes may start at once; the one that holds this lock migrates, the others find nothing to do.
ADVISORY_LOCK: Final = 7_378_697_629_483_820_646


def metadata_of_all_tables() -> MetaData:
    """The tables that revisions are compared with."""
    from datadir.postgresql import tables

    return tables.metadata


def head() -> str:
    """The newest revision of this program: the file name's number, without importing Alembic (a warm start needs
    nothing more)."""
    return max(path.name.split("_")[0] for path in (HERE / "versions").glob("[0-9]*.py"))


async def current(owner: asyncpg.Connection) -> str | None:
    """The revision that the database has, None before the first."""
    if await owner.fetchval("select to_regclass('public.alembic_version')") is None:
        return None
    version: str | None = await owner.fetchval("select version_num from public.alembic_version")
    return version


async def upgrade(owner_dsn: str, *, target: str = "head") -> bool:
    """Bring the database to `target`; False where it is there already.

    Raises StoreMisconfigured where the database is newer than this program or the user may not change it."""
    try:
        owner = await asyncpg.connect(owner_dsn, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StoreMisconfigured(
            StoreName.POSTGRESQL, f"PostgreSQL cannot be reached for migration: {error}."
        ) from error
    try:
        await owner.execute("select pg_advisory_lock($1)", ADVISORY_LOCK)
        version = await current(owner)
        if target == "head" and version == head():
            return False
        if target == "head" and version is not None and version > head():
            raise StoreMisconfigured(
                StoreName.POSTGRESQL,
                f"The database is at schema revision {version}, newer than this program's {head()}: "
                "update the program.",
            )
        with _privileged():
            await _run(owner_dsn, target)
        return True
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreMisconfigured(
            StoreName.POSTGRESQL, f"The database user may not change the schema: {error}."
        ) from error
    finally:
        await owner.close()


@contextmanager
def _privileged() -> Iterator[None]:
    """Raise a missing privilege as asyncpg's own error: SQLAlchemy wraps it twice."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        if isinstance(cause, asyncpg.InsufficientPrivilegeError):
            raise cause from error
        raise


async def _run(owner_dsn: str, target: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    def run(connection: Connection) -> None:
        config = Config(str(HERE / "alembic.ini"))
        config.attributes["connection"] = connection
        if target == "head" or not target.startswith("-"):
            command.upgrade(config, target)
        else:
            command.downgrade(config, target.removeprefix("-"))

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(owner_dsn, timeout=10)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()
