"""Which request is number n of a seed? Each is made from both numbers alone, so that it can be sent again by itself."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.fuzz import mutating
from tests.fuzz.frames import conversation
from tests.fuzz.requests import Sent, Tokens, chosen, envelope, request, wrong_head
from tests.fuzz.uploads import upload

KINDS: Final = {
    "document": 27,
    "variables": 20,
    "envelope": 14,
    "bytes": 14,
    "headers": 10,
    "socket": 12,
    "upload": 3,
}
"""What is wrong, and how many of a hundred requests that is."""


def made(seed: int, number: int, tokens: Tokens) -> Sent:
    """Request `number` of a seed."""
    random = Random(f"{seed}:{number}")
    [kind] = random.choices(list(KINDS), list(KINDS.values()))
    if kind == "socket":
        return conversation(random, tokens)
    if kind == "upload":
        return Sent(kind, upload(random, tokens))
    asked = chosen(random, tokens)
    http = request(random, envelope(random, asked, kind), asked, tokens, spoiled=kind == "envelope")
    if kind == "headers":
        wrong_head(random, http)
    wire = http.wire()
    return Sent(kind, mutating.scattered(random, wire) if kind == "bytes" else wire)
