"""What has somebody done lately? Their traces, the newest first, as long as they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from datadir.mongodb.client import object_id
from datadir.mongodb.collections import ACTIVITY_LOGS, LOG_LIFE
from loaders.cursor import Cursors, InvalidCursor
from loaders.degrading import Degrades, degrades

if TYPE_CHECKING:
    from loaders import Loaders
    from loaders.page import PageRequest

_TAG: Final = "activity"


class ActivityRecord(NamedTuple):
    """One thing that somebody did."""

    id: str
    user_id: UUID
    action: str
    resource_type: str | None
    resource_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Traces of one person, the newest first. `since`: what is older has expired."""

    records: Sequence[ActivityRecord]
    has_next: bool
    has_previous: bool
    owner: UUID
    since: datetime
    cursors: Cursors

    def cursor(self, record: ActivityRecord) -> str:
        """The opaque cursor of one record of this page."""
        return self.cursors.encode(_TAG, [self.owner, record.at, record.id])


# One page a person; a cursor of another person's traces is refused there alone.
ActivityPages: TypeAlias = list[ActivityPage | InvalidCursor]


class Activity:
    """Reads of traces for one operation."""

    __slots__ = ("_loaders",)

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    @degrades(Degrades.NULL)
    async def activity_by_user_id(self, ids: Sequence[UUID], request: PageRequest, now: datetime) -> ActivityPages:
        """One page for each person, in the order of `ids`; empty for whom the viewer's scope does not hold. At most one
        store call. Raises InvalidCursor."""
        cursors, since = self._loaders.cursors, now - timedelta(seconds=LOG_LIFE)
        after, before = (self._place(each) for each in (request.after, request.before))
        meant = {place.owner for place in (after, before) if place is not None}
        asked = [each for each in dict.fromkeys(ids) if meant <= {each}]
        if not asked:
            return [InvalidCursor() for _ in ids]
        found = await self._newest(asked, [_older(after), _newer(before)], request, since)
        pages: ActivityPages = []
        for each in ids:
            records = [_record(document) for document in found.get(str(each), ())]
            more, records = len(records) > request.size, records[: request.size]
            if request.backward:
                page = ActivityPage(records[::-1], before is not None, more, each, since, cursors)
            else:
                page = ActivityPage(records, more, after is not None, each, since, cursors)
            pages.append(page if meant <= {each} else InvalidCursor())
        return pages

    @degrades(Degrades.NULL)
    async def activity_by_id(self, ids: Sequence[str], now: datetime) -> list[ActivityRecord | None]:
        """Traces in the order of `ids`, None where the viewer's scope holds none. At most one store call."""
        keys = [object_id(each) for each in dict.fromkeys(ids)]
        documents = await self._loaders.stores.documents.aggregate(
            ACTIVITY_LOGS.name, [{"$match": {"_id": {"$in": keys}, **self._kept(now - timedelta(seconds=LOG_LIFE))}}]
        )
        found = {str(document["_id"]): _record(document) for document in documents}
        return [found.get(each) for each in ids]

    @degrades(Degrades.NULL)
    async def totals(self, pages: Sequence[ActivityPage]) -> list[int]:
        """How many traces each page's person has. One store call."""
        owners = [str(page.owner) for page in pages]
        match = {**self._kept(pages[0].since), "user_id": {"$in": self._seen(owners)}}
        counted = await self._loaders.stores.documents.aggregate(
            ACTIVITY_LOGS.name, [{"$match": match}, {"$group": {"_id": "$user_id", "total": {"$sum": 1}}}]
        )
        found = {document["_id"]: document["total"] for document in counted}
        return [found.get(owner, 0) for owner in owners]

    async def _newest(
        self, owners: Sequence[UUID], bounds: Sequence[dict[str, Any] | None], request: PageRequest, since: datetime
    ) -> dict[str, list[dict[str, Any]]]:
        """The first traces of each person in the request's direction, one more than the page holds."""
        size, way = request.size + 1, 1 if request.backward else -1
        people = self._seen([str(each) for each in owners])
        match = {"$and": [{"user_id": {"$in": people}}, self._kept(since), *(each for each in bounds if each)]}
        pipeline: list[dict[str, Any]] = [{"$match": match}, {"$sort": {"timestamp": way, "_id": way}}]
        if len(people) == 1:
            pipeline.append({"$limit": size})
        else:
            pipeline += [
                {"$group": {"_id": "$user_id", "traces": {"$push": "$$ROOT"}}},
                {"$project": {"traces": {"$slice": ["$traces", size]}}},
            ]
        documents = await self._loaders.stores.documents.aggregate(ACTIVITY_LOGS.name, pipeline)
        if len(people) == 1:
            return {people[0]: documents}
        return {document["_id"]: document["traces"] for document in documents}

    def _kept(self, since: datetime) -> dict[str, Any]:
        """What may be seen at all: not expired, whether it has been swept yet or not, and the viewer's own."""
        kept: dict[str, Any] = {"timestamp": {"$gte": since}}
        scope = self._loaders.scope
        return kept if scope.sees_all else {**kept, "user_id": str(scope.user_id)}

    def _seen(self, owners: Sequence[str]) -> list[str]:
        scope = self._loaders.scope
        return list(owners) if scope.sees_all else [each for each in owners if each == str(scope.user_id)]

    def _place(self, cursor: str | None) -> _Place | None:
        return None if cursor is None else _Place(*self._loaders.cursors.decode(_TAG, cursor, 3))


class _Place(NamedTuple):
    """Where a cursor points."""

    owner: UUID
    at: datetime
    id: str


def _older(place: _Place | None) -> dict[str, Any] | None:
    return _beyond(place, "$lt")


def _newer(place: _Place | None) -> dict[str, Any] | None:
    return _beyond(place, "$gt")


def _beyond(place: _Place | None, which: str) -> dict[str, Any] | None:
    if place is None:
        return None
    same = {"timestamp": place.at, "_id": {which: object_id(place.id)}}
    return {"$or": [{"timestamp": {which: place.at}}, same]}


def _record(document: dict[str, Any]) -> ActivityRecord:
    return ActivityRecord(
        str(document["_id"]),
        UUID(document["user_id"]),
        document["action"],
        document.get("resource_type"),
        document.get("resource_id"),
        document["timestamp"],
    )
