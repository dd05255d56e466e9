"""Which uploads go wrong? The multipart request specification with parts lost, doubled and out of order."""

from __future__ import annotations

from random import Random
from typing import Any, Final
from zlib import compress, crc32

from tests.fuzz import mutating
from tests.fuzz.asked import VICTIM
from tests.fuzz.requests import Http, Tokens

BOUNDARY: Final = "a-boundary-of-ours"
UPLOAD: Final = (
    "mutation ($input: UploadAvatarInput!) "
    "{ uploadAvatar(input: $input) { user { id avatarUrl } errors { code message path } } }"
)
OPERATIONS: Final[dict[str, Any]] = {"query": UPLOAD, "variables": {"input": {"file": None}}}


def part(name: str, body: bytes, *more: str) -> bytes:
    """One part of a form; `more` are further parameters and header lines."""
    parameters = "".join(f"; {each}" for each in more if ":" not in each)
    lines = "".join(f"{each}\r\n" for each in more if ":" in each)
    return f'content-disposition: form-data; name="{name}"{parameters}\r\n{lines}\r\n'.encode("latin-1") + body


def form(parts: list[bytes], boundary: str = BOUNDARY) -> bytes:
    """The body of a request."""
    between = f"--{boundary}\r\n".encode()
    return b"".join(between + each + b"\r\n" for each in parts) + f"--{boundary}--\r\n".encode()


def png(side: int = 8) -> bytes:
    """A grey picture."""
    rows = b"".join(b"\0" + bytes([120]) * side for _ in range(side))
    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunks = ((b"IHDR", head), (b"IDAT", compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + name + data + crc32(name + data).to_bytes(4, "big") for name, data in chunks
    )


def upload(random: Random, tokens: Tokens) -> bytes:
    """A request that uploads a picture, with something wrong in it more often than not."""
    picture = png() if random.random() < 0.5 else mutating.scattered(random, png())
    operations: Any = OPERATIONS
    mapped: Any = {"0": ["variables.input.file"]}
    if random.random() < 0.3:
        operations = mutating.value(random, operations)
    if random.random() < 0.4:
        mapped = mutating.value(random, mapped)
    if random.random() < 0.2:
        mapped = {"0": [random.choice(("variables", "variables.input", "variables.x.0", "0.variables.input.file", ""))]}
    parts = [
        part("operations", mutating.text(random, operations)),
        part("map", mutating.text(random, mapped)),
        part("0", picture, 'filename="me.png"', "content-type: image/png"),
    ]
    match random.randrange(10):
        case 0:
            random.shuffle(parts)
        case 1:
            del parts[random.randrange(3)]
        case 2:
            parts *= random.choice((2, 30))
        case 3:
            parts.insert(random.randrange(4), part(random.choice(("x", "", "operations", "1")), b"x" * 2_000))
    body = form(parts)
    if random.random() < 0.15:
        body = mutating.scattered(random, body)
    kind = random.choice((BOUNDARY,) * 9 + ("", "other", '"' + BOUNDARY + '"', "x" * 80))
    headers = [("content-type", f"multipart/form-data; boundary={kind}"), ("accept", "application/json")]
    if random.random() < 0.9:
        headers.append(("graphql-require-preflight", "1"))
    if VICTIM in tokens.by_account:
        headers.append(("authorization", f"Bearer {tokens.by_account[VICTIM]}"))
    return Http("POST", "/graphql", headers, body).wire()
