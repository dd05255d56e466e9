"""Which keys exist in Redis, how long do they live, and whose are they?

Every key is made here, from an id that was checked here: an id that could carry a space, a line break or a glob never
becomes part of a key. The braces are Redis Cluster's hash tag: all keys of one person hash to one slot, so one script
may touch a session and its owner's presence together. `schema.md` is the table for people; a test compares the two.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from uuid import UUID

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SESSION_TTL = HOUR
"""Seconds that a session lives on after its last activity."""
SESSION_LIFE = DAY
"""Seconds after its creation at which a session ends, however active."""
PRESENCE_TTL = DAY
"""Seconds that Redis remembers when somebody was last seen; beyond, nobody knows."""
RATE_WINDOW = MINUTE
"""Seconds that one rate-limit counter counts."""

_SESSION_ID = re.compile(r"\{([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}\.[A-Za-z0-9_-]{32}")
_ENDPOINT = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """One family of keys: its pattern, Redis type, seconds to live, and the place of the learner it belongs to."""

    pattern: str
    kind: str
    ttl: int
    learner: str


PATTERNS = (
    KeyPattern("session:{<user_id>}.<random>", "hash", SESSION_TTL, "user_id in the key, and in the field `user_id`"),
    KeyPattern("presence:{<user_id>}", "string", PRESENCE_TTL, "user_id in the key"),
    KeyPattern("ratelimit:{<user_id>}:<endpoint>", "string", RATE_WINDOW, "user_id in the key"),
)
"""Every family of keys that the program writes."""


def new_session_id(user_id: UUID) -> str:
    """An unguessable session id (192 random bits) that carries its owner's hash tag: `{<uuid>}.<random>`."""
    return f"{{{user_id}}}.{secrets.token_urlsafe(24)}"


def session_owner(session_id: str) -> UUID:
    """Whose session it is. ValueError when `session_id` was not made by `new_session_id`."""
    shape = _SESSION_ID.fullmatch(session_id)
    if shape is None:
        raise ValueError("not a session id")
    return UUID(shape[1])


def session(session_id: str) -> str:
    """The hash of one session. ValueError when `session_id` was not made by `new_session_id`."""
    session_owner(session_id)
    return f"session:{session_id}"


def presence(user_id: UUID) -> str:
    """When this person was last seen, as text."""
    return f"presence:{{{_checked(user_id)}}}"


def rate_limit(user_id: UUID, endpoint: str) -> str:
    """The counter of one person at one endpoint. ValueError when `endpoint` is not a plain word."""
    if _ENDPOINT.fullmatch(endpoint) is None:
        raise ValueError("not an endpoint's name")
    return f"ratelimit:{{{_checked(user_id)}}}:{endpoint}"


def _checked(user_id: UUID) -> UUID:
    # asyncpg's own UUID class is a subclass; text that merely looks like an id is not let through.
    if not isinstance(user_id, UUID):
        raise TypeError("a key is made from a UUID, not from text")
    return user_id
