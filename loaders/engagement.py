"""How is engagement gathered? Day by day from the series, one partition per person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from datadir.cassandra.tables import USER_ENGAGEMENT, UserEngagement
from loaders.degrading import Degrades, degrades

if TYPE_CHECKING:
    from loaders import Loaders


class Engagement:
    """Reads of the engagement series for one operation."""

    __slots__ = ("_loaders",)

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    @degrades(Degrades.NULL)
    async def days_by_user_id(self, ids: Sequence[UUID], since: date) -> list[list[UserEngagement]]:
        """The days from `since` on of each person, newest first; days without data are absent."""
        return await self._loaders.stores.series.read(USER_ENGAGEMENT, [(each,) for each in ids], lower=since)
