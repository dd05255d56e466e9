"""What is asked of object storage, by ours, by aioboto3, and by reading files where there is no server?

There is no batch read of objects: a hundred are a hundred requests, of which `AT_ONCE` are under way on either side.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aioboto3

from bench.stores.pair import SIZES, Ask, Pair, reads
from datadir.minio import opening
from datadir.minio.client import Objects, S3Objects
from datadir.minio.embedded import FolderObjects

AT_ONCE: Final = 16
TYPE: Final = "text/plain"
DATA: Final = b"x" * 4096


@asynccontextmanager
async def folder_pairs(folder: Path) -> AsyncIterator[list[Pair]]:
    """Files by key, and a new one, which is on the disk."""
    objects = await FolderObjects.open(folder, public_url="http://bench.test", secret="bench")
    keys = await _filled(objects)

    async def read(key: str) -> bytes:
        return await asyncio.to_thread(objects._path(key).read_bytes)

    def write(path: Path) -> None:
        with path.open("xb") as file:
            file.write(DATA)
            file.flush()
            os.fsync(file.fileno())

    bare_folder = folder / "bare"
    bare_folder.mkdir()
    yield _pairs(objects, keys, read, lambda: asyncio.to_thread(write, bare_folder / uuid4().hex))


@asynccontextmanager
async def server_pairs(settings: Mapping[str, str]) -> AsyncIterator[list[Pair]]:
    """Objects by key, and a new one."""
    url, bucket = settings["S3_ENDPOINT_URL"], f"bench-{uuid4().hex[:12]}"
    key, secret, region = (settings[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION"))
    objects = await S3Objects.open(url, bucket, region=region, access_key=key, secret_key=secret)
    session = aioboto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    try:
        async with session.client("s3", endpoint_url=url, config=opening.config(None)) as client:
            keys = await _filled(objects)

            async def read(key: str) -> bytes:
                answer = await client.get_object(Bucket=bucket, Key=key)
                async with answer["Body"] as body:
                    data: bytes = await body.read()
                return data

            async def write() -> None:
                await client.put_object(Bucket=bucket, Key=f"bench/{uuid4()}", Body=DATA, ContentType=TYPE)

            yield _pairs(objects, keys, read, write)
            await objects.delete_prefix("bench")
            await client.delete_bucket(Bucket=bucket)
    finally:
        await objects.close()


def _pairs(objects: Objects, keys: list[str], read: Callable[[str], Awaitable[Any]], write: Ask) -> list[Pair]:
    def ours(size: int) -> Ask:
        return lambda: _gathered(objects.get, keys[:size])

    def bare(size: int) -> Ask:
        return lambda: _gathered(read, keys[:size])

    return [
        *reads(ours, bare),
        Pair("write", lambda: objects.put(f"bench/{uuid4()}", DATA, TYPE), write),
    ]


async def _filled(objects: Objects) -> list[str]:
    keys = [f"bench/{uuid4()}" for _ in range(max(SIZES))]

    async def put(key: str) -> str:
        await objects.put(key, DATA, TYPE)
        return key

    await _gathered(put, keys)
    return keys


async def _gathered(ask: Callable[[str], Awaitable[Any]], keys: Sequence[str]) -> list[Any]:
    """The answers, in order; `AT_ONCE` are waited for at a time."""
    answers: list[Any] = [None] * len(keys)
    waiting = iter(enumerate(keys))

    async def some() -> None:
        for at, key in waiting:
            answers[at] = await ask(key)

    await asyncio.gather(*(some() for _ in range(min(AT_ONCE, len(keys)))))
    return answers
