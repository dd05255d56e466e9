"""Where do objects rest when no S3 server is given? In a folder; links are signed here and opened by our own app.

Not imitated: the S3 wire protocol and its XML errors, multipart uploads, versions, lifecycle rules, ETags and
conditional requests, access keys and bucket policies, server-side encryption. A listing opens every file below the
prefix. Every process that serves links needs the same secret.

One object is one file: a first line with key and type, then the bytes. So one rename replaces type and bytes
together, and a crash leaves either the old object or the new one. File names are the key's segments with all but
lower-case letters, digits and `-_.` percent-encoded (a file system that folds case or rewrites Unicode cannot
confuse two keys); a file's name ends in `@`, a folder's never does, so `a/b` and `a/b/c` live side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import perf_counter, time
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from uuid import uuid4

from itsdangerous import BadData, URLSafeSerializer

from datadir.circuit import Circuit
from datadir.errors import ObjectNotFound, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.minio.errors import LinkRefused, ObjectTooLarge
from datadir.minio.keys import object_key, object_prefix
from datadir.minio.stored import (
    ANSWER_DEADLINE,
    MAX_OBJECT_BYTES,
    TRANSFER_DEADLINE,
    WRITE_DEADLINE,
    Listed,
    ObjectHead,
    StoredObject,
    checked_range,
    clipped_range,
    link_seconds,
)
from datadir.names import StoreName

if TYPE_CHECKING:
    from datadir.minio.client import Objects

T = TypeVar("T")

_LONGEST_NAME: Final = 200
_HEADER_LIMIT: Final = 8192
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.")
# What needs no encoding is told at a glance.
_ALL_PLAIN: Final = re.compile(rf"[a-z0-9_.-]{{1,{_LONGEST_NAME}}}")


class OpenedLink(NamedTuple):
    """What a good link opens."""

    key: str
    filename: str | None


WAITING: Final = 400
"""Calls that may wait for a thread; one more is refused at once."""


class FolderObjects:
    """Objects in a folder of the data directory."""

    def __init__(
        self, folder: Path, *, public_url: str, secret: str, max_bytes: int, now: Callable[[], float] = time
    ) -> None:
        self.circuit = Circuit(StoreName.MINIO, most=WAITING)
        self._objects = folder / "objects"
        self._root = str(self._objects)
        self._incoming = folder / "incoming"
        self._public_url = public_url.rstrip("/")
        self._signer = URLSafeSerializer(secret, salt="studygraph object link", signer_kwargs={"digest_method": sha256})
        self._now = now
        self.max_bytes = max_bytes

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        public_url: str,
        secret: str,
        max_bytes: int = MAX_OBJECT_BYTES,
        now: Callable[[], float] = time,
    ) -> FolderObjects:
        """Make the folder and forget uploads that a crash cut off. Links begin with `public_url`. StoreMisconfigured
        where the folder cannot be written."""
        opened = cls(folder, public_url=public_url, secret=secret, max_bytes=max_bytes, now=now)
        try:
            await asyncio.to_thread(opened._prepare)
        except OSError as error:
            raise StoreMisconfigured(
                StoreName.MINIO, f"Objects cannot be kept in {folder}: {error.strerror or error}."
            ) from error
        return opened

    def _prepare(self) -> None:
        self._objects.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        for cut_off in self._incoming.iterdir():
            cut_off.unlink()

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        key = object_key(key)
        if len(data) > self.max_bytes:
            raise ObjectTooLarge(len(data), self.max_bytes)
        await self._off_loop(WRITE_DEADLINE, partial(self._write, key, data, content_type))

    async def get(self, key: str, range: tuple[int, int] | None = None) -> StoredObject:
        key = object_key(key)
        wanted = None if range is None else checked_range(range)
        return await self._off_loop(TRANSFER_DEADLINE, partial(self._read, key, wanted), rows=1)

    async def head(self, key: str) -> ObjectHead:
        return await self._off_loop(ANSWER_DEADLINE, partial(self._head, object_key(key)), rows=1)

    async def delete(self, key: str) -> None:
        await self._off_loop(WRITE_DEADLINE, partial(self._unlink, object_key(key)))

    async def delete_prefix(self, prefix: str) -> int:
        return await self._off_loop(WRITE_DEADLINE, partial(self._unlink_below, object_prefix(prefix)))

    async def list(self, prefix: str) -> tuple[Listed, ...]:
        return await self._off_loop(TRANSFER_DEADLINE, partial(self._list, object_prefix(prefix)))

    async def link(self, key: str, *, expires: timedelta, filename: str | None = None) -> str:
        until = int(self._now()) + link_seconds(expires)
        token = str(self._signer.dumps([object_key(key), until, filename]))
        return f"{self._public_url}/objects/{token}"

    def open_link(self, token: str, method: str) -> OpenedLink:
        """What a link's last part opens. Raises LinkRefused for a token that was altered or signed elsewhere, one
        that has expired, and for any method but GET."""
        try:
            key, until, filename = self._signer.loads(token)
        except (BadData, ValueError, TypeError) as error:
            raise LinkRefused("not signed here") from error
        if method != "GET":
            raise LinkRefused(f"opened with {method[:10]!r}")
        if self._now() >= until:
            raise LinkRefused("expired")
        return OpenedLink(key, filename)

    async def ping(self) -> str:
        await self._off_loop(ANSWER_DEADLINE, partial(os.stat, self._objects))
        return "folder"

    async def close(self) -> None:
        """Nothing is held open."""

    async def _off_loop(self, deadline: float, work: Callable[[], T], *, rows: int = 0) -> T:
        started = perf_counter()
        try:
            with self.circuit.asked():
                return await self._translating(deadline, work)
        finally:
            count(StoreName.MINIO, started=started, rows=rows)

    async def _translating(self, deadline: float, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.to_thread(work)
        except TimeoutError as error:
            raise StoreTimeout(StoreName.MINIO) from error
        except OSError as error:
            raise StoreUnavailable(StoreName.MINIO) from error

    # What follows runs on a worker thread.

    def _path(self, key: str) -> Path:
        return Path(self._place(key))

    def _place(self, key: str) -> str:
        return f"{self._root}/{'/'.join(map(_file_name, key.split('/')))}@"

    def _write(self, key: str, data: bytes, content_type: str) -> None:
        header = json.dumps({"key": key, "content_type": content_type}).encode() + b"\n"
        incoming = self._incoming / uuid4().hex
        try:
            with incoming.open("xb") as file:
                file.write(header)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._settle(incoming, self._path(key))
        finally:
            incoming.unlink(missing_ok=True)

    def _settle(self, incoming: Path, path: Path) -> None:
        """Give a finished file its name, durably."""
        while True:
            fresh = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                incoming.replace(path)
            except FileNotFoundError:
                if not incoming.exists():
                    raise
                continue  # a delete next door took the empty folder away: make it again
            # A name is durable when its folder is, and a new folder when the one above it is.
            for folder in {path.parent, *(each.parent for each in fresh)}:
                _sync_folder(folder)
            return

    def _read(self, key: str, wanted: tuple[int, int] | None) -> StoredObject:
        with self._opened(key) as file:
            start, stop = (0, file.total) if wanted is None else clipped_range(wanted, file.total)
            return StoredObject(file.read(start, stop), file.content_type, stop - start, file.total)

    def _head(self, key: str) -> ObjectHead:
        with self._opened(key) as file:
            return ObjectHead(key, file.content_type, file.total)

    def _opened(self, key: str) -> _File:
        try:
            return _File(key, self._place(key))
        except FileNotFoundError as error:
            raise ObjectNotFound(key) from error

    def _unlink(self, key: str) -> None:
        path = self._path(key)
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != self._objects:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass  # someone else was faster: what is above may be empty too
            except OSError:
                break  # not empty
            folder = folder.parent
        with contextlib.suppress(FileNotFoundError):
            _sync_folder(folder)

    def _unlink_below(self, prefix: str) -> int:
        found = self._list(prefix)
        for each in found:
            self._unlink(each.key)
        return len(found)

    def _list(self, prefix: str) -> tuple[Listed, ...]:
        folder = self._objects.joinpath(*map(_file_name, prefix.removesuffix("/").split("/")))
        found = []
        for path in folder.rglob("*@"):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                header = file.readline(_HEADER_LIMIT)
                total = os.fstat(file.fileno()).st_size - len(header)
                found.append(Listed(json.loads(header)["key"], total))
        return tuple(sorted(found, key=lambda each: each.key.encode()))


class _File:
    """An object's file, open for reading. One read brings the header, and the whole of a small object: the layers of
    Python's own files cost more than the file."""

    __slots__ = ("_begun", "_handle", "_header", "content_type", "total")

    def __init__(self, key: str, place: str) -> None:
        """Raises OSError, StoreUnavailable."""
        self._handle = os.open(place, os.O_RDONLY)
        try:
            begun = os.pread(self._handle, _HEADER_LIMIT, 0)
            self._header = begun.find(b"\n") + 1
            self.content_type = str(json.loads(begun[: self._header])["content_type"])
            self._begun = memoryview(begun)[self._header :]
            self.total = os.fstat(self._handle).st_size - self._header
        except (ValueError, KeyError, TypeError) as error:
            os.close(self._handle)
            raise StoreUnavailable(StoreName.MINIO, f"the file of object {key!r} is damaged") from error
        except BaseException:
            os.close(self._handle)
            raise

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *failure: object) -> None:
        os.close(self._handle)

    def read(self, start: int, stop: int) -> bytes:
        """The object's bytes from `start` to before `stop`."""
        if stop <= len(self._begun):
            return bytes(self._begun[start:stop])
        parts = []
        # A read may bring less than was asked for: two gigabytes at most.
        while start < stop and (part := os.pread(self._handle, stop - start, self._header + start)):
            parts.append(part)
            start += len(part)
        return b"".join(parts)


def _file_name(segment: str) -> str:
    """A file name that means this segment on every file system."""
    if _ALL_PLAIN.fullmatch(segment):
        return segment
    name = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in segment.encode())
    if len(name) > _LONGEST_NAME:
        return f"{name[:100]}@{sha256(segment.encode()).hexdigest()}"
    return name


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


if TYPE_CHECKING:
    _: type[Objects] = FolderObjects
