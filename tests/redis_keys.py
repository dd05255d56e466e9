"""Of which family is a key that a test finds in Redis, and what is the id of a session that no row brings back?"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, get_args
from uuid import UUID, uuid4

from datadir.redis.keys import PATTERNS, KeyPattern, LiveKind, session_id

_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PARTS: Final = {
    "random": "[A-Za-z0-9_-]{32}",
    "endpoint": "[A-Za-z0-9_.-]{1,64}",
    "cache": r"[a-z][a-z0-9_]{0,30}\.[0-9a-f]{12}",
    "digest": "[0-9a-f]{64}",
    "kind": f"(?:{'|'.join(get_args(LiveKind))})",
}
"""What stands in the angle brackets of a pattern; whatever is not here is a UUID."""


def families(key: str) -> list[KeyPattern]:
    """All families that a key is of: one, or none for a key that is not ours."""
    return [family for family in PATTERNS if _shape(family.pattern).fullmatch(key)]


@cache
def _shape(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"<(\w+)>", pattern)  # text, name, text, name, ... text
    return re.compile("".join(_PARTS.get(each, _UUID) if at % 2 else re.escape(each) for at, each in enumerate(pieces)))


def new_session_id(user_id: UUID) -> str:
    """A session id of no row."""
    return session_id(user_id, uuid4())
