"""How is object storage reached? The promise both stores keep, and S3 (MinIO, versitygw, AWS) by aioboto3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from time import perf_counter
from typing import Any, Protocol

import aioboto3
import aiohttp
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, HTTPClientError, ReadTimeoutError

from datadir.circuit import Circuit
from datadir.errors import ObjectNotFound, StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.minio import opening
from datadir.minio.errors import BadObjectKey, BadRange, ObjectTooLarge
from datadir.minio.keys import attachment, object_key, object_prefix
from datadir.minio.opening import CONNECTIONS, NO_FILES
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
from datadir.tls import TlsFiles

_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}
_NOT_HOLDABLE = {
    "ObjectParentIsFile",
    "ExistingObjectIsDirectory",
    "XMinioParentIsObject",
    "XMinioObjectExistsAsDirectory",
}
WAITING = 400  # calls that may wait for a connection; one more is refused at once
_DELETE_AT_ONCE = 1000  # S3's own limit of one multi-object delete


class Objects(Protocol):
    """Named bytes. Keys are what `keys.object_key` lets pass; every method raises BadObjectKey for others, and
    StoreUnavailable (StoreTimeout) where the store does not answer."""

    circuit: Circuit
    """Its breaker and bulkhead."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Keep these bytes under this key, whole or not at all; an older object is replaced. ObjectTooLarge."""

    async def get(self, key: str, range: tuple[int, int] | None = None) -> StoredObject:
        """The object, or the half-open `range` of its bytes, cut at its end. ObjectNotFound, BadRange."""

    async def head(self, key: str) -> ObjectHead:
        """Type and size. ObjectNotFound."""

    async def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""

    async def delete_prefix(self, prefix: str) -> int:
        """Remove everything below a prefix of whole segments; how many objects that were."""

    async def list(self, prefix: str) -> tuple[Listed, ...]:
        """Keys and sizes below a prefix of whole segments, in the order of their UTF-8 bytes."""

    async def link(self, key: str, *, expires: timedelta, filename: str | None = None) -> str:
        """A URL that opens this one object with GET until it expires (1 to 900 s; ValueError beyond), saved as
        `filename` where given. Signed here: no store call, and the object need not exist."""

    async def ping(self) -> str:
        """What answers."""

    async def close(self) -> None:
        """Let go of connections."""


class S3Objects:
    """One bucket of an S3 server, through one client kept open."""

    def __init__(self, stack: AsyncExitStack, client: Any, signer: Any, bucket: str, max_bytes: int) -> None:
        self.circuit = Circuit(StoreName.MINIO, most=CONNECTIONS + WAITING)
        self._stack = stack
        self._client = client
        self._signer = signer
        self.bucket = bucket
        self.bucket_is_missing = False
        self.max_bytes = max_bytes

    @classmethod
    async def open(
        cls,
        endpoint_url: str,
        bucket: str,
        *,
        access_key: str | None = None,
        secret_key: str | None = None,
        region: str = "us-east-1",
        public_url: str | None = None,
        tls: TlsFiles = NO_FILES,
        max_bytes: int = MAX_OBJECT_BYTES,
        create: bool = True,
    ) -> S3Objects:
        """Connect, and create the bucket where it is missing and that is allowed; without `create` only
        `bucket_is_missing` says so.

        Without keys botocore looks for credentials itself (environment, instance role). `public_url` is the address
        that browsers reach, where it differs from `endpoint_url`: a signature covers the host name. Raises
        StoreMisconfigured with a sentence.
        """
        context = await opening.context_for(endpoint_url, tls)
        config, verify = opening.config(context), opening.verify(tls)
        session = aioboto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region)
        stack = AsyncExitStack()
        try:
            client: Any = await stack.enter_async_context(
                session.client("s3", endpoint_url=endpoint_url, config=config, verify=verify)
            )
            signer: Any = client
            if public_url is not None and public_url != endpoint_url:
                signer = await stack.enter_async_context(
                    session.client("s3", endpoint_url=public_url, config=config, verify=verify)
                )
            opened = cls(stack, client, signer, bucket, max_bytes)
            await opened._prepare(endpoint_url, create)
        except BaseException as error:
            await stack.aclose()
            if isinstance(error, ValueError):  # botocore's word for an endpoint that is no URL
                raise StoreMisconfigured(StoreName.MINIO, f"S3_ENDPOINT_URL is not an address: {error}.") from error
            if isinstance(error.__cause__, (BotoCoreError, OSError)):
                said = await opening.sentence(endpoint_url, tls, context)
                if said is not None:
                    raise StoreMisconfigured(StoreName.MINIO, said) from error
            raise
        return opened

    async def _prepare(self, endpoint_url: str, create: bool) -> None:
        try:
            async with asyncio.timeout(WRITE_DEADLINE):
                try:
                    await self._client.head_bucket(Bucket=self.bucket)
                except ClientError as error:
                    if _code(error) not in _MISSING:
                        raise
                    if create:
                        await self._client.create_bucket(Bucket=self.bucket)
                    self.bucket_is_missing = not create
        except ClientError as error:
            code = _code(error)
            if code in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):  # another process was faster
                return
            sentence = {
                "403": "S3 refuses the key, the secret or the bucket",
                "AccessDenied": "S3 lets this key neither use nor create the bucket",
                "InvalidAccessKeyId": "S3 does not know the access key",
                "SignatureDoesNotMatch": "S3 refuses the secret of this access key",
            }.get(code, f"S3 answers {code}")
            raise StoreMisconfigured(
                StoreName.MINIO, f"{sentence} (bucket {self.bucket!r} at {endpoint_url})."
            ) from error
        except (BotoCoreError, OSError) as error:
            raise StoreMisconfigured(StoreName.MINIO, f"S3 does not answer at {endpoint_url}.") from error

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        key = object_key(key)
        if len(data) > self.max_bytes:
            raise ObjectTooLarge(len(data), self.max_bytes)
        async with self._once(WRITE_DEADLINE, key):
            await self._client.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType=content_type)

    async def get(self, key: str, range: tuple[int, int] | None = None) -> StoredObject:
        key = object_key(key)
        wanted: dict[str, str] = {}
        if range is not None:
            start, stop = checked_range(range)
            wanted["Range"] = f"bytes={start}-{stop - 1}"

        async def request(seconds: float) -> tuple[Any, bytes]:
            async with self._call(seconds, key, rows=1):
                async with asyncio.timeout(ANSWER_DEADLINE):
                    answer = await self._client.get_object(Bucket=self.bucket, Key=key, **wanted)
                async with answer["Body"] as body:
                    return answer, await body.read()

        answer, data = await self.circuit.read(request, TRANSFER_DEADLINE)
        # "bytes 0-99/1234"; without a range the length is the total.
        total = int(answer["ContentRange"].rpartition("/")[2]) if "ContentRange" in answer else len(data)
        if range is not None and "ContentRange" not in answer:
            # A server may answer a range with everything (HTTP allows it).
            start, stop = clipped_range(range, total)
            data = data[start:stop]
        return StoredObject(data, answer["ContentType"], len(data), total)

    async def head(self, key: str) -> ObjectHead:
        key = object_key(key)

        async def request(seconds: float) -> Any:
            async with self._call(seconds, key, rows=1):
                return await self._client.head_object(Bucket=self.bucket, Key=key)

        answer = await self.circuit.read(request, ANSWER_DEADLINE)
        return ObjectHead(key, answer["ContentType"], answer["ContentLength"])

    async def delete(self, key: str) -> None:
        key = object_key(key)
        async with self._once(WRITE_DEADLINE, key):
            await self._client.delete_object(Bucket=self.bucket, Key=key)

    async def delete_prefix(self, prefix: str) -> int:
        found = await self.list(prefix)
        for start in range(0, len(found), _DELETE_AT_ONCE):
            chunk = [{"Key": each.key} for each in found[start : start + _DELETE_AT_ONCE]]
            async with self._once(WRITE_DEADLINE, prefix, rows=len(chunk)):
                answer = await self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": chunk, "Quiet": True})
                if answer.get("Errors"):
                    raise StoreUnavailable(StoreName.MINIO)
        return len(found)

    async def list(self, prefix: str) -> tuple[Listed, ...]:
        prefix = object_prefix(prefix)
        found = []
        more: dict[str, str] = {}
        while True:
            async with self._once(ANSWER_DEADLINE, prefix):
                page = await self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **more)
            found += [Listed(each["Key"], each["Size"]) for each in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return tuple(sorted(found, key=lambda each: each.key.encode()))
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def link(self, key: str, *, expires: timedelta, filename: str | None = None) -> str:
        wanted = {"Bucket": self.bucket, "Key": object_key(key)}
        if filename is not None:
            wanted["ResponseContentDisposition"] = attachment(filename)
        url: str = await self._signer.generate_presigned_url(
            "get_object", Params=wanted, ExpiresIn=link_seconds(expires), HttpMethod="GET"
        )
        return url

    async def ping(self) -> str:
        async with self._once(ANSWER_DEADLINE, self.bucket):
            answer = await self._client.head_bucket(Bucket=self.bucket)
        return str(answer["ResponseMetadata"]["HTTPHeaders"].get("server", "S3"))

    async def close(self) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def _once(self, deadline: float, key: str, *, rows: int = 0) -> AsyncIterator[None]:
        """One wire request that is not repeated."""
        with self.circuit.asked():
            async with self._call(deadline, key, rows=rows):
                yield

    @asynccontextmanager
    async def _call(self, deadline: float, key: str, *, rows: int = 0) -> AsyncIterator[None]:
        """One wire request: its deadline, its line in the ledger, its failure in the house's words."""
        started = perf_counter()
        try:
            async with asyncio.timeout(deadline):
                yield
        except ClientError as error:
            raise _refused(error, key) from error
        except (TimeoutError, ReadTimeoutError, ConnectTimeoutError) as error:
            raise StoreTimeout(StoreName.MINIO) from error
        # A body is read past botocore: where it breaks off, aiohttp says so in words of its own.
        except (HTTPClientError, BotoCoreError, aiohttp.ClientError, OSError) as error:
            raise StoreUnavailable(StoreName.MINIO) from error
        finally:
            count(StoreName.MINIO, started=started, rows=rows)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(error: ClientError, key: str) -> StoreError:
    """What an S3 error code means here."""
    code = _code(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _MISSING:
        return ObjectNotFound(key)
    if code == "InvalidRange" or status == 416:
        details: dict[str, Any] = dict(error.response.get("Error", {}))
        return BadRange(int(details.get("ActualObjectSize", 0)))
    if code in _NOT_HOLDABLE:
        return BadObjectKey("an object already rests above or below it")
    if code == "EntityTooLarge":
        return StoreError(StoreName.MINIO, "the object is larger than the server takes")
    return StoreUnavailable(StoreName.MINIO, f"S3 answers {code or status}")
