"""Which files do tests upload? Pictures made here, and what only looks like one."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, Final
from zlib import compress, crc32

import httpx
from PIL import Image

from tests.accounts.somebody import ERRORS, Somebody

UPLOAD: Final = f"""
mutation ($input: UploadAvatarInput!) {{ uploadAvatar(input: $input) {{ user {{ id avatarUrl }} {ERRORS} }} }}
"""
PREFLIGHT: Final = {"graphql-require-preflight": "1"}
RED, BLUE = (200, 30, 30), (30, 30, 200)


def picture(
    kind: str = "PNG", size: tuple[int, int] = (64, 64), color: Any = RED, mode: str = "RGB", **more: Any
) -> bytes:
    """A picture of one color."""
    written = BytesIO()
    Image.new(mode, size, color).save(written, kind, **more)
    return written.getvalue()


def bomb(side: int = 50_000) -> bytes:
    """A PNG whose head promises a picture that nobody could unpack."""
    head = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return _png([(b"IHDR", head), (b"IDAT", compress(bytes(1_000))), (b"IEND", b"")])


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + name + data + crc32(name + data).to_bytes(4, "big") for name, data in chunks
    )


async def sent(
    somebody: Somebody | None,
    school: Any,
    operations: Any,
    mapped: Any,
    files: dict[str, bytes],
    headers: dict[str, str] = PREFLIGHT,
) -> httpx.Response:
    """A form as the specification has it."""
    signed = {} if somebody is None else {"authorization": f"Bearer {somebody.access}"}
    form: list[tuple[str, Any]] = [
        ("operations", (None, json.dumps(operations))),
        ("map", (None, json.dumps(mapped))),
        *((name, ("me.png", data, "image/png")) for name, data in files.items()),
    ]
    found: httpx.Response = await school.http.post("/graphql", files=form, headers=headers | signed)
    return found


async def uploaded(somebody: Somebody, data: bytes) -> Any:
    """What `uploadAvatar` answers."""
    signed = {"authorization": f"Bearer {somebody.access}"}
    response = await somebody.school.post_file(UPLOAD, {"input": {"file": None}}, "input.file", data, **signed)
    answer = response.json()
    assert "errors" not in answer, answer
    return answer["data"]["uploadAvatar"]
