"""Does an S3 server keep the promise of object storage?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from datadir.errors import StoreMisconfigured
from datadir.minio.client import S3Objects
from tests.servers.server import Server
from tests.stores.objects_contract import LIMIT, Browser, ObjectsContract, Visit, another


async def opened(server: Server, bucket: str, **key: str) -> S3Objects:
    """The objects in a bucket, with the key that the server's settings name unless told otherwise."""
    settings = server.settings
    known = {"access_key": settings["AWS_ACCESS_KEY_ID"], "secret_key": settings["AWS_SECRET_ACCESS_KEY"]}
    return await S3Objects.open(
        settings["S3_ENDPOINT_URL"], bucket, region=settings["AWS_REGION"], max_bytes=LIMIT, **(known | key)
    )


@pytest_asyncio.fixture(scope="module")
async def bucket(s3_server: Server) -> AsyncIterator[S3Objects]:
    """A bucket of the contract's own."""
    objects = await opened(s3_server, f"contract-{uuid4().hex[:12]}")
    yield objects
    await objects.close()


class TestS3(ObjectsContract):
    """Links are followed over the wire."""

    implementation = "versitygw 1.8"

    @pytest.fixture
    def objects(self, bucket: S3Objects) -> S3Objects:
        return bucket

    @pytest.fixture
    def browser(self) -> Browser:
        async def visit(url: str, method: str = "GET") -> Visit:
            async with httpx.AsyncClient() as client:
                answer = await client.request(method, url)
            return Visit(answer.status_code, answer.content, answer.headers.get("content-disposition"))

        return visit

    @pytest.fixture
    def expired(self, objects: S3Objects, browser: Browser) -> Callable[[str], Awaitable[str]]:
        async def make(key: str) -> str:
            url = await objects.link(key, expires=timedelta(seconds=1))
            # The server's clock cannot be moved: ask until it is over, ten seconds at most.
            for _ in range(100):
                if (await browser(url)).status != 200:
                    break
                await asyncio.sleep(0.1)
            return url

        return make

    def altered(self, url: str) -> str:
        signature = url.partition("X-Amz-Signature=")[2][:64]
        return url.replace(signature, another(signature[0]) + signature[1:])

    def with_the_key_of(self, url: str, foreign: str, key: str, other: str) -> str:
        return url.replace(quote(key), quote(other))

    async def test_a_second_process_finds_the_bucket(self, objects: S3Objects, s3_server: Server) -> None:
        await objects.put("documents/shared", b"1", "text/plain")
        second = await opened(s3_server, objects.bucket)
        assert (await second.get("documents/shared")).data == b"1"
        await second.close()

    async def test_a_wrong_secret_is_a_sentence(self, objects: S3Objects, s3_server: Server) -> None:
        with pytest.raises(StoreMisconfigured, match="S3 refuses"):
            await opened(s3_server, objects.bucket, access_key="nobody", secret_key="nothing")
