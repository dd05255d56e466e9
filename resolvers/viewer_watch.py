"""Is whoever listens on an open socket still who they were? All their sessions are looked at every two seconds.

A request reads its session and its memberships anew each time. A socket on which nothing happens asks for nothing, so
it learns here that its session has ended, or that its viewer may see more or less than before:

    change = await services.viewers.changed(viewer)     # waits; cancel it when the socket closes
    if change is ViewerChange.SCOPE: ...                # ask again what the viewer may have, and call it again
    else: ...                                           # ENDED, ROLE: close the socket, as for a token that has ended

While Redis does not answer nobody can say, and nothing is said.

No transport asks it yet: `graph/http/listeners.py` reads the sessions of sockets and streams one by one, and each event
reads role and memberships anew. The two are to become one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from uuid import UUID

from datadir.errors import StoreError
from loaders.sessions import Seen
from resolvers.operation import Viewer

log = logging.getLogger(__name__)

EVERY: Final = 2.0
"""Seconds between two looks."""

Look = Callable[[Sequence[tuple[str, UUID]]], Awaitable[list[Seen]]]


class ViewerChange(Enum):
    """What has become of a viewer."""

    ENDED = auto()
    ROLE = auto()
    SCOPE = auto()


@dataclass(eq=False, slots=True)
class _Waiting:
    """Somebody who waits, and when memberships had changed last as they began to."""

    viewer: Viewer
    scope_version: int | None
    told: asyncio.Future[ViewerChange]


class ViewerWatch:
    """Looks at the sessions of all who wait, in one store call; asks nothing while nobody does. `look` is
    `loaders.sessions.seen` for the stores of this process, `every` in seconds."""

    def __init__(self, look: Look, *, every: float = EVERY) -> None:
        self._look = look
        self._every = every
        self._waiting: set[_Waiting] = set()
        self._task: asyncio.Task[None] | None = None

    async def changed(self, viewer: Viewer) -> ViewerChange:
        """Wait until this viewer's session has ended, has another role, or until memberships of theirs have changed."""
        waiting = _Waiting(viewer, None, asyncio.get_running_loop().create_future())
        try:
            [now] = await self._look([(viewer.session_id, viewer.user_id)])
        except StoreError:
            pass
        else:
            if now.role != viewer.role:
                return ViewerChange.ENDED if now.role is None else ViewerChange.ROLE
            waiting.scope_version = now.scope_version
        self._waiting.add(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        try:
            return await waiting.told
        finally:
            self._waiting.discard(waiting)
            if not self._waiting and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            all_waiting = list(self._waiting)
            try:
                found = await self._look([(each.viewer.session_id, each.viewer.user_id) for each in all_waiting])
            except StoreError as error:
                log.debug("sessions cannot be looked at: %s", error)
                continue
            for waiting, now in zip(all_waiting, found, strict=True):
                change = _change(waiting, now)
                if change is not None and not waiting.told.done():
                    waiting.told.set_result(change)


def _change(waiting: _Waiting, now: Seen) -> ViewerChange | None:
    if now.role is None:
        return ViewerChange.ENDED
    if now.role != waiting.viewer.role:
        return ViewerChange.ROLE
    # What Redis has forgotten within a day is no news.
    if now.scope_version is not None and now.scope_version != waiting.scope_version:
        return ViewerChange.SCOPE
    return None
