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
from loaders.charges import Charge, of_person
from resolvers.access.scope import ROLES
from resolvers.degrading import degrades_with
from resolvers.errors import RateLimited, Unauthenticated
from resolvers.operation import Services, Viewer
from resolvers.rate import LONGEST, Rate
from resolvers.tokens import Claims

GRACE: Final = 60.0
"""Seconds for which a session that was seen alive may read while Redis is down."""
MOST: Final = 10_000
"""Sessions remembered; beyond, the one not seen for longest is forgotten."""
_TOO_MUCH: Final = {
    "operations": "You have asked as often as you may for now.",
    "cost": "Your operations of this minute have cost all that they may.",
}


class Spends(NamedTuple):
    """What an operation takes of its sender: how often they may ask, what it costs, and how much all that they ask may
    cost in a minute; where the most is 0, nobody counts."""

    rate: Rate
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
    charges = _charges(claims.user_id, spends)
    try:
        session = await live_session(services.stores, claims.user_id, claims.session_id, services.now(), charges)
    except StoreUnavailable:
        seen = _granted(services, claims) if reads else None
        if seen is None:
            raise
        viewer, refused = seen, await services.limiter.counted_here(charges) if charges else None
    else:
        viewer = _found(services, claims, session.role if session is not None else None)
        refused = session.too_much if session is not None else None
    if refused is not None:
        raise RateLimited(_TOO_MUCH[refused.charge.key.rpartition(":")[2]], refused.seconds_left)
    return viewer


def _charges(user_id: UUID, spends: Spends | None) -> list[Charge]:
    """The counters of somebody's operations, all in the slot of their session."""
    if spends is None:
        return []
    charges = []
    if spends.rate.most:
        charges.append(of_person(user_id, "operations", 1, spends.rate.seconds, spends.rate.most))
    if spends.most:
        charges.append(of_person(user_id, "cost", spends.cost, LONGEST, spends.most))
    return charges


@degrades_with(stored.roles)
async def listening(services: Services, token: str) -> Viewer:
    """The viewer behind an access token, to whom something is told without their asking: their session is not prolonged
    by it, and they are not marked as present. One store call. Raises Unauthenticated; StoreUnavailable as `resumed`."""
    claims = services.tokens.verified(token)
    try:
        [role] = await stored.roles(services.stores, [(claims.session_id, claims.user_id)])
    except StoreUnavailable:
        seen = _granted(services, claims)
        if seen is None:
            raise
        return seen
    return _found(services, claims, role)


def session_ended() -> Unauthenticated:
    """What is said to whoever comes with the token of a session that is over."""
    return Unauthenticated("This session has ended. Log in again.")


def _found(services: Services, claims: Claims, role: str | None) -> Viewer:
    """The viewer of a session that was read. Raises Unauthenticated where it has ended."""
    seen = services.seen_sessions
    if role is None or role not in ROLES:
        if seen is not None:
            seen.forget(claims.session_id)
        raise session_ended()
    # The session's role, not the token's: it follows the account within seconds.
    viewer = Viewer(claims.user_id, role, claims.session_id)
    if seen is not None:
        seen.saw(viewer)
    return viewer


def _granted(services: Services, claims: Claims) -> Viewer | None:
    """Whoever may read on while Redis is down."""
    viewer = services.seen_sessions.within_grace(claims.session_id) if services.seen_sessions is not None else None
    return viewer if viewer is not None and viewer.user_id == claims.user_id else None


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
