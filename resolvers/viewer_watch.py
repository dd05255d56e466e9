"""Is whoever listens on an open socket or stream still who they were? Their sessions are looked at every two seconds.

A request reads its session anew each time. A socket on which nothing happens asks for nothing, so it is told from here
that its session has ended or has another role. Looking prolongs no session and marks nobody as present. Memberships are
not looked at: what an event shows is decided when it comes, with those of that moment.

While Redis does not answer nobody can say. Whoever was seen alive within the last minute listens on, as they may read
on (`resolvers/sessions.py`); everybody else is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from resolvers.errors import Unauthenticated
from resolvers.operation import Viewer
from resolvers.sessions import SeenSessions, session_ended

EVERY: Final = 2.0
"""Seconds between two looks: what ends is noticed within five, with slow stores too."""
AT_ONCE: Final = 1_000
"""Sessions that are looked at in one call; a larger one would hold up whoever else asks."""

Look = Callable[[Sequence[tuple[str, UUID]]], Awaitable[Sequence[str | None]]]
"""The roles of sessions, each given by its id and whose it must be; None for one that has ended."""
Ended = Callable[[Exception], None]
"""Told, once, why nobody may listen there any more: Unauthenticated, or what a look at the session raised."""


@dataclass(eq=False, slots=True)
class _Listening:
    """Somebody who listens."""

    viewer: Viewer
    ended: Ended


class ViewerWatch:
    """Looks at the sessions of all who listen, together; asks nothing while nobody does. `look` is
    `loaders.sessions.roles` for the stores of this process, `every` in seconds; without `seen_sessions` nobody listens
    on while Redis is down."""

    def __init__(self, look: Look, seen_sessions: SeenSessions | None, *, every: float = EVERY) -> None:
        self._look = look
        self._seen_sessions = seen_sessions
        self._every = every
        self._listening: set[_Listening] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, viewer: Viewer, ended: Ended) -> Iterator[None]:
        """While this viewer listens, whose session has just been read."""
        listening = _Listening(viewer, ended)
        self._listening.add(listening)
        if self._task is None:
            # In a context of its own: what it asks is nobody's operation.
            work = self._watch()
            self._task = asyncio.get_running_loop().create_task(work, name="sessions of listeners", context=Context())
        try:
            yield
        finally:
            self._listening.discard(listening)
            if not self._listening and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            sessions = {each.viewer.session_id: each.viewer.user_id for each in self._listening}
            every = list(sessions.items())
            found: dict[str, str | Exception | None] = {}
            for start in range(0, len(every), AT_ONCE):
                found |= await self._looked(every[start : start + AT_ONCE])
            for listening in [each for each in self._listening if each.viewer.session_id in found]:
                why = self._why_not(listening.viewer, found[listening.viewer.session_id])
                if why is not None:
                    self._listening.discard(listening)
                    listening.ended(why)

    async def _looked(self, sessions: Sequence[tuple[str, UUID]]) -> dict[str, str | Exception | None]:
        try:
            roles = await self._look(sessions)
        except Exception as error:
            # A defect too: nobody is left listening because nobody can look.
            return dict.fromkeys((session_id for session_id, _ in sessions), error)
        return {session_id: role for (session_id, _), role in zip(sessions, roles, strict=True)}

    def _why_not(self, viewer: Viewer, found: str | Exception | None) -> Exception | None:
        """Why this viewer may not listen on; None where they may."""
        seen = self._seen_sessions
        if isinstance(found, Exception):
            return None if seen is not None and seen.within_grace(viewer.session_id) else found
        if found == viewer.role:
            if seen is not None:
                seen.saw(viewer)
            return None
        if seen is not None:
            seen.forget(viewer.session_id)
        if found is None:
            return session_ended()
        return Unauthenticated("This account has another role now. Refresh the session.")
