"""Does this session still live? A token alone is not enough: its session is read for every operation.

While Redis is down nobody can say. `SeenSessions` lets those read on whom this process saw alive within the last minute
(`STUDYGRAPH_SESSIONS_WHEN_DOWN=grace`); everybody else, and every write, is refused until it is back. What ended
meanwhile is therefore noticed at most a minute late, and only while Redis is down.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from datadir.errors import StoreUnavailable
from loaders import sessions as stored
from loaders.accounts import live_session
from loaders.charges import of_operations
from resolvers.access.scope import ROLES
from resolvers.degrading import degrades_with
from resolvers.errors import RateLimited, Unauthenticated
from resolvers.operation import Services, Viewer

GRACE: Final = 60.0
"""Seconds for which a session that was seen alive may read while Redis is down."""
MOST: Final = 10_000
"""Sessions remembered; beyond, the one not seen for longest is forgotten."""


class Spends(NamedTuple):
    """What an operation costs, and how much those of one person may cost in a minute."""

    cost: int
    most: int


class SeenSessions:
    """The sessions that this process saw alive lately, and in which role."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, Viewer]] = OrderedDict()

    def saw(self, viewer: Viewer) -> None:
        """This session is alive now."""
        self._seen[viewer.session_id] = (self._clock(), viewer)
        self._seen.move_to_end(viewer.session_id)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)

    def forget(self, session_id: str) -> None:
        """This session has ended."""
        self._seen.pop(session_id, None)

    def within_grace(self, session_id: str) -> Viewer | None:
        """Whose session it is, None where it was not seen alive within GRACE."""
        at, viewer = self._seen.get(session_id, (float("-inf"), None))
        return viewer if self._clock() - at <= GRACE else None


async def resumed(services: Services, token: str, *, reads: bool, spends: Spends | None = None) -> Viewer:
    """The viewer behind an access token; marks them as present, and takes what the operation `spends` from their
    minute. One store call. `reads`: the operation changes nothing.

    Raises Unauthenticated, RateLimited; StoreUnavailable where Redis is down and no grace applies."""
    claims = services.tokens.verified(token)
    charges = () if spends is None else (of_operations(claims.user_id, spends.cost, spends.most),)
    try:
        session = await live_session(services.stores, claims.user_id, claims.session_id, services.now(), charges)
    except StoreUnavailable:
        seen = services.seen_sessions.within_grace(claims.session_id) if services.seen_sessions and reads else None
        if seen is None or seen.user_id != claims.user_id:
            raise
        return seen
    if session is None or session.role not in ROLES:
        if services.seen_sessions is not None:
            services.seen_sessions.forget(claims.session_id)
        raise Unauthenticated("This session has ended. Log in again.")
    # The session's role, not the token's: it follows the account within seconds.
    viewer = Viewer(claims.user_id, session.role, claims.session_id)
    if services.seen_sessions is not None:
        services.seen_sessions.saw(viewer)
    for counter in session.charged:
        if counter.seconds_left:
            raise RateLimited("Your operations of this minute have cost all that they may.", counter.seconds_left)
    return viewer


@degrades_with(stored.end_sessions)
async def end(services: Services, user_id: UUID, record_ids: Collection[UUID]) -> None:
    """These sessions of one person are over. At most one store call. Raises StoreUnavailable."""
    await stored.end_sessions(services.stores, user_id, record_ids)
    _forget(services, user_id, record_ids)


@degrades_with(stored.set_role)
async def give_role(services: Services, user_id: UUID, record_ids: Collection[UUID], role: str) -> None:
    """These sessions of one person have another role from now on. At most one store call. Raises StoreUnavailable."""
    await stored.set_role(services.stores, user_id, record_ids, role)
    _forget(services, user_id, record_ids)


def _forget(services: Services, user_id: UUID, record_ids: Collection[UUID]) -> None:
    # What was seen alive before must not let anybody read on, should Redis be down in the next minute.
    if services.seen_sessions is not None:
        for each in record_ids:
            services.seen_sessions.forget(stored.session_of(user_id, each))
