"""Which revisions does the database still lack? For `migrate --check`; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datadir.migrations import migrate

if TYPE_CHECKING:
    from datadir.migrations.pending import Place


async def pending(place: Place) -> list[str]:
    """A phrase like "revision 0002_all_seeds" for each that would run, oldest first. Raises StoreMisconfigured where
    the database is newer than this program or cannot be reached."""
    return [f"revision {revision}" for revision in await migrate.missing(place.owner_dsn)]
