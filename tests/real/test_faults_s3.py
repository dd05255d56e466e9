"""What does a download say while the S3 server is ill, and when does it work again?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.errors import StoreUnavailable
from datadir.minio.client import S3Objects
from datadir.names import StoreName
from tests.faults.sickness import FAULTS, Fault
from tests.real.conftest import had
from tests.servers import versitygw
from tests.servers.server import Server
from tests.stores.recovery import well_again
from tests.stores.relay import Relay, relay_to

CONTENT: Final = bytes(range(256)) * 512


@pytest_asyncio.fixture(scope="module")
async def s3_of_faults() -> AsyncIterator[Server]:
    """A server of these tests' own: it is killed."""
    async with had(versitygw.running()) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def before_s3(s3_of_faults: Server) -> AsyncIterator[Relay]:
    async with relay_to(s3_of_faults.settings["S3_ENDPOINT_URL"]).listening() as relay:
        yield relay


@pytest_asyncio.fixture(scope="module")
async def objects(s3_of_faults: Server, before_s3: Relay) -> AsyncIterator[S3Objects]:
    """A bucket, reached through the relay."""
    settings = s3_of_faults.settings
    opened = await S3Objects.open(
        f"http://127.0.0.1:{before_s3.port}",
        f"faults-{uuid4().hex[:12]}",
        access_key=settings["AWS_ACCESS_KEY_ID"],
        secret_key=settings["AWS_SECRET_ACCESS_KEY"],
        region=settings["AWS_REGION"],
    )
    yield opened
    await opened.close()


@pytest_asyncio.fixture(autouse=True)
async def healed(objects: S3Objects, before_s3: Relay) -> AsyncIterator[None]:
    yield
    await before_s3.heal()
    await well_again(objects.ping)


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.__name__ != "slow"], ids=lambda fault: fault.__name__
)
async def test_without_s3_a_download_is_a_coded_failure_and_works_soon_after(
    fault: Fault, objects: S3Objects, before_s3: Relay
) -> None:
    await objects.put("documents/faults", CONTENT, "application/octet-stream")
    await fault(before_s3)
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as failed:
            await objects.get("documents/faults")
        assert failed.value.store is StoreName.MINIO
    await before_s3.heal()
    got = await well_again(lambda: objects.get("documents/faults"))
    assert (got.data, got.content_type) == (CONTENT, "application/octet-stream")
    assert (objects.circuit.under_way, objects.circuit.state) == (0, "closed")


async def test_an_s3_server_that_was_killed_is_found_again_with_every_object(
    objects: S3Objects, s3_of_faults: Server
) -> None:
    if not s3_of_faults.processes:
        pytest.skip("S3_ENDPOINT_URL names a server that is not ours to end")
    await objects.put("documents/kept", CONTENT, "application/octet-stream")
    await s3_of_faults.process.kill()
    with pytest.raises(StoreUnavailable):
        await objects.get("documents/kept")
    await s3_of_faults.process.start()
    assert (await well_again(lambda: objects.get("documents/kept"))).data == CONTENT
