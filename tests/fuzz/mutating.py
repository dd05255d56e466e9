"""How does a good request go wrong? Values of another kind, missing and doubled members, bytes flipped and lost.

Everything is chosen by the `Random` that is given: the same seed makes the same requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

# What nobody expects where it stands; those that JSON cannot write are left to the bytes.
STRANGE: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    101,
    2**31,
    -(2**63),
    2**64,
    10**400,
    1.5,
    -0.0,
    1e308,
    "",
    " ",
    "0",
    "null",
    "\x00",
    "\ufeff",
    "\u202e\u0301\U0001f600",
    "' or 1=1 --",
    '{"$gt": ""}',
    "../../etc/passwd",
    "*\r\nFLUSHALL\r\n",
    "2026-02-30T25:61:61Z",
    "9999-12-31T23:59:59.999999999+14:00",
    "-271821-04-20T00:00:00.000Z",
    "VXNlcjo=",
    "Q2xhc3Nyb29tOm5vbmU=",
    "x" * 300,
    "a" * 9_000,
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"__proto__": {"x": 1}},
    {"eq": None},
    {"contains": "%_\\"},
    {"or": [{"not": {}}]},
)


def value(random: Random, good: Any) -> Any:
    """Something else in one place of a value."""
    if isinstance(good, Mapping) and good and random.random() < 0.8:
        return _object(random, good)
    if isinstance(good, list) and good and random.random() < 0.8:
        return _list(random, good)
    match random.randrange(12):
        case 0:
            return [good] * random.choice((1, 2, 251, 600))
        case 1:
            return {random.choice(("eq", "in", "id", "file", "x")): good}
        case 2:
            return nested(random, good, random.choice((2, 14, 16, 28, 40)))
        case 3 if isinstance(good, str) and good:
            at = random.randrange(len(good))
            return good[:at] + random.choice(("", "\x00", "=", "é", "\\", '"')) + good[at + 1 :]
        case 4 if isinstance(good, int) and not isinstance(good, bool):
            return good * random.choice((-1, 10, 1_000, 10**12))
        case 5:
            return str(good)
    return random.choice(STRANGE)


def nested(random: Random, inner: Any, depth: int) -> Any:
    """A value below so many lists and objects."""
    for _ in range(depth):
        inner = [inner] if random.random() < 0.5 else {random.choice(("and", "not", "input")): inner}
    return inner


def _object(random: Random, good: Mapping[str, Any]) -> dict[str, Any]:
    members = dict(good)
    name = random.choice(list(members))
    match random.randrange(10):
        case 0:
            del members[name]
        case 1:
            members[random.choice(("extra", "", "__typename", name.upper(), name + " ", "id"))] = members.pop(name)
        case 2:
            members[random.choice(("extra", "role", "userId", "isActive"))] = random.choice(STRANGE)
        case 3:
            members.update({f"v{number}": number for number in range(random.choice((3, 60, 300)))})
        case _:
            members[name] = value(random, members[name])
    return members


def _list(random: Random, good: Sequence[Any]) -> list[Any]:
    items = list(good)
    at = random.randrange(len(items))
    match random.randrange(4):
        case 0:
            del items[at]
        case 1:
            items *= random.choice((2, 20, 300))
        case _:
            items[at] = value(random, items[at])
    return items


def text(random: Random, members: Any) -> bytes:
    """A JSON text, now and then as no writer of JSON would write it."""
    written = json.dumps(members, ensure_ascii=random.random() < 0.5)
    match random.randrange(14):
        case 0:
            written = written.replace('"', "'", random.choice((1, 2, -1)))
        case 1:
            written = written[: random.randrange(len(written) + 1)]
        case 2:
            written += random.choice((",", "}", "]", "null", "\x00", " " * 500, written))
        case 3:
            written = written.replace(": ", ":: ", 1).replace("null", random.choice(("NaN", "undefined", "nul", "-")))
        case 4:
            written = "\ufeff" + written
        case 5:
            # The last one of a name that stands there twice.
            written = written.replace("{", '{"query": 5, "variables": [], ', 1)
        case 6:
            return written.encode("utf-16")
    return written.encode("utf-8", "surrogatepass")


def _flipped(random: Random, data: bytearray, at: int) -> None:
    data[at] ^= 1 << random.randrange(8)


def _replaced(random: Random, data: bytearray, at: int) -> None:
    data[at] = random.choice(b'\x00\x7f\xff\r\n {}[]":,0-%')


def _lost(random: Random, data: bytearray, at: int) -> None:
    del data[at : at + random.choice((1, 1, 2, 8, 64))]


def _doubled(random: Random, data: bytearray, at: int) -> None:
    data[at:at] = data[at : at + random.choice((1, 4, 32, 200))]


def _inserted(random: Random, data: bytearray, at: int) -> None:
    data[at:at] = random.choice((b"\r\n", b"\r\n\r\n", b"\x00", b"\xc3\x28", b"\xed\xa0\x80", b": ", b"A" * 5_000))


def _cut(random: Random, data: bytearray, at: int) -> None:
    del data[at:]


_WAYS: Final[tuple[Callable[[Random, bytearray, int], None], ...]] = (
    _flipped,
    _flipped,
    _replaced,
    _replaced,
    _lost,
    _doubled,
    _inserted,
    _cut,
)


def scattered(random: Random, good: bytes, most: int = 4) -> bytes:
    """Bytes of which one to `most` places are other ones."""
    data = bytearray(good)
    for _ in range(random.randint(1, most)):
        if data:
            random.choice(_WAYS)(random, data, random.randrange(len(data)))
    return bytes(data)
