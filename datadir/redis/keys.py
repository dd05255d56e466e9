"""Which keys exist in Redis, and how long do they live?

Every key is made here, from an id that was checked here: an id that could carry a space, a line break or a glob never
becomes part of a key. The braces are Redis Cluster's hash tag: all keys of one person hash to one slot, so one script
may touch a session and its owner's presence together, and a scan for `*{<user_id>}*` finds what one person has. Whose a
key is stands in `datadir/learners.py`. `schema.md` is the table for people; a test compares the two.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal, get_args
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
CACHE_TTL = 30 * MINUTE
"""Seconds that a last good value may stand in for its store."""
CONTEXT_TTL = 30 * MINUTE
"""Seconds that a simulation's context lives on after its last turn."""
CHAT_TTL = 2 * HOUR
"""Seconds that a tutor session's last messages live on after the last one."""
CHAT_LENGTH = 100
"""Messages that are kept there."""
PROCTOR_TTL = 2 * HOUR
"""Seconds that a proctoring session lives on after the last thing it noticed."""
QUEUE_TTL = DAY
"""Seconds that wake-up calls wait for a worker after the last one; the jobs themselves are rows of PostgreSQL."""
QUEUE_LENGTH = 1000
"""Wake-up calls that are kept; a worker that finds none looks for jobs by itself."""
LIVE_TTL = HOUR
"""Seconds that a live stream lives on after its last entry: how long a reader may be away and resume without a gap."""
LIVE_LENGTH = 1000
"""Entries of a live stream, about: older ones are cut off, and a reader who was there last starts anew."""

DOCUMENTS_TTL = DAY
"""Seconds that registered documents live on after one of them was last asked for from here."""
DOCUMENTS_MOST = 1000
"""Registered documents that are kept; beyond, the one not used for longest goes."""

DOCUMENT_TEXTS: Final = "documents:{registered}:texts"
"""The texts of registered documents by their hashes."""
DOCUMENTS_USED: Final = "documents:{registered}:used"
"""Their hashes in the order of their use."""
BACKGROUND_TASKS: Final = "queue:background_tasks"
"""The list of ids of jobs that wait; whoever takes one reads the job's row."""
LiveKind = Literal["classroom", "meeting", "tutor", "proctoring", "assessment", "job", "notifications"]
"""What a live stream is about: the kind of thing whose id it carries (of a person for notifications)."""
_LIVE_KINDS: Final = frozenset(get_args(LiveKind))

_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_SESSION_ID = re.compile(rf"\{{({_UUID})\}}\.([A-Za-z0-9_-]{{32}})")
_ENDPOINT = re.compile("[A-Za-z0-9_.-]{1,64}")
_CACHE = re.compile(r"[a-z][a-z0-9_]{0,30}\.[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """One family of keys: its pattern, Redis type, seconds to live."""

    pattern: str
    kind: str
    ttl: int


PATTERNS = (
    KeyPattern("session:{<user_id>}.<random>", "hash", SESSION_TTL),
    KeyPattern("presence:{<user_id>}", "string", PRESENCE_TTL),
    KeyPattern("ratelimit:{<user_id>}:<endpoint>", "string", RATE_WINDOW),
    KeyPattern("ratelimit:<digest>:{<endpoint>}", "string", RATE_WINDOW),
    KeyPattern("cache:{<cache>}:<digest>", "string", CACHE_TTL),
    KeyPattern("session:{<user_id>}.<simulation_id>:context", "hash", CONTEXT_TTL),
    KeyPattern("chat:{<user_id>}.<session_id>:history", "list", CHAT_TTL),
    KeyPattern("proctor:session:{<user_id>}.<session_id>", "hash", PROCTOR_TTL),
    KeyPattern("queue:background_tasks", "list", QUEUE_TTL),
    KeyPattern("live:<kind>:{<id>}", "stream", LIVE_TTL),
    KeyPattern(DOCUMENT_TEXTS, "hash", DOCUMENTS_TTL),
    KeyPattern(DOCUMENTS_USED, "zset", DOCUMENTS_TTL),
)
"""Every family of keys: the seeds' and ours."""


def session_id(user_id: UUID, record_id: UUID) -> str:
    """The id of the session that a row of `user_sessions` brings back: `{<uuid>}.<random>`, its owner's hash tag and
    the row's id, whose 122 random bits nobody guesses."""
    tail = record_id.bytes + sha256(record_id.bytes).digest()[:8]
    return f"{{{user_id}}}.{urlsafe_b64encode(tail).decode()}"


def session_record(session_id: str) -> UUID:
    """The row of `user_sessions` that a session belongs to. ValueError when `session_id` was not made here."""
    shape = _SESSION_ID.fullmatch(session_id)
    tail = urlsafe_b64decode(shape[2]) if shape else b""
    if sha256(tail[:16]).digest()[:8] != tail[16:] or not tail:
        raise ValueError("not a session id")
    return UUID(bytes=tail[:16])


# Each operation asks twice, mostly of a session that has asked before.
@lru_cache(10_000)
def session_owner(session_id: str) -> UUID:
    """Whose session it is. ValueError when `session_id` was not made here."""
    shape = _SESSION_ID.fullmatch(session_id)
    if shape is None:
        raise ValueError("not a session id")
    return UUID(shape[1])


def session(session_id: str) -> str:
    """The hash of one session. ValueError when `session_id` was not made here."""
    session_owner(session_id)
    return f"session:{session_id}"


def presence(user_id: UUID) -> str:
    """When this person was last seen, as text."""
    return f"presence:{{{_checked(user_id)}}}"


# Every operation asks for two of these, mostly of somebody who has asked before: made anew they cost it microseconds.
@lru_cache(10_000)
def rate_limit(user_id: UUID, endpoint: str) -> str:
    """The counter of one person at one endpoint. ValueError when `endpoint` is not a plain word."""
    return f"ratelimit:{{{_checked(user_id)}}}:{_endpoint(endpoint)}"


def attempts(who: str, endpoint: str) -> str:
    """The counter of somebody who need not be anybody, at one endpoint. ValueError when `endpoint` is not a plain word.

    `who` may be anybody's text: it is hashed. One endpoint has one hash tag: who tries is counted with what they try
    it at, together."""
    return f"ratelimit:{sha256(who.encode('utf-8', 'surrogatepass')).hexdigest()}:{{{_endpoint(endpoint)}}}"


def simulation_context(user_id: UUID, simulation_id: UUID) -> str:
    """Where a simulation stands: fields `current_turn`, `npc_mood`, `short_term_history`. It belongs to `user_id`."""
    return f"session:{{{_checked(user_id)}}}.{_checked(simulation_id)}:context"


def chat_history(user_id: UUID, session_id: UUID) -> str:
    """The last messages of a tutor session of this person, newest first."""
    return f"chat:{{{_checked(user_id)}}}.{_checked(session_id)}:history"


def proctor_session(user_id: UUID, session_id: UUID) -> str:
    """A running proctoring session of this person."""
    return f"proctor:session:{{{_checked(user_id)}}}.{_checked(session_id)}"


def live(kind: LiveKind, about: UUID) -> str:
    """The stream of changes to one thing, for whoever is watching it. ValueError for a kind that there is not."""
    if kind not in _LIVE_KINDS:
        raise ValueError("not a kind of live stream")
    return f"live:{kind}:{{{_checked(about)}}}"


def last_good(cache: str, asked: bytes) -> str:
    """The last good value of what was asked of one cache. ValueError when `cache` is not `<name>.<shape>`.

    What was asked may be anybody's text: it is hashed. One cache has one hash tag, so that a batch is one request."""
    if _CACHE.fullmatch(cache) is None:
        raise ValueError("not a cache's name")
    return f"cache:{{{cache}}}:{sha256(asked).hexdigest()}"


def _endpoint(name: str) -> str:
    if _ENDPOINT.fullmatch(name) is None:
        raise ValueError("not an endpoint's name")
    return name


def _checked(identity: UUID) -> UUID:
    # asyncpg's own UUID class is a subclass; text that merely looks like an id is not let through.
    if not isinstance(identity, UUID):
        raise TypeError("a key is made from a UUID, not from text")
    return identity
