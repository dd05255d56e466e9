"""Is object storage reached by TLS as the settings say, and by nobody else? Through a door before it that speaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from datadir.errors import StoreMisconfigured
from datadir.minio.client import S3Objects
from datadir.names import StoreName
from datadir.tls import TlsFiles
from tests.certificates import Authority
from tests.servers.server import Server
from tests.stores.tls_contract import Door, TlsContract
from tests.tls_front import tls_front


@pytest_asyncio.fixture(scope="module")
async def door(authority: Authority, s3_server: Server) -> AsyncIterator[Door]:
    """The same server with TLS and without."""
    plain = urlsplit(s3_server.settings["S3_ENDPOINT_URL"]).port or 0
    with tls_front(authority, authority.server("s3"), plain) as tls:
        yield Door(tls, plain)


class TestS3(TlsContract):
    """By aioboto3, which is given paths and reads them itself."""

    implementation = "versitygw 1.8"
    store = StoreName.MINIO
    called = "S3"
    scheme = ", and write https:// in S3_ENDPOINT_URL"

    @pytest.fixture(autouse=True)
    def credentials(self, s3_server: Server) -> None:
        """Who we are there."""
        self.settings = s3_server.settings

    async def reached(self, host: str, port: int, tls: TlsFiles) -> None:
        address = f"{'https' if tls else 'http'}://{host}:{port}"
        keys = self.settings["AWS_ACCESS_KEY_ID"], self.settings["AWS_SECRET_ACCESS_KEY"]
        opened = await S3Objects.open(address, "tls", access_key=keys[0], secret_key=keys[1], tls=tls)
        try:
            await opened.put("spoken/a", b"here", "text/plain")
            assert (await opened.get("spoken/a")).data == b"here"
        finally:
            await opened.close()

    async def test_the_address_may_not_say_the_contrary(self, files: TlsFiles) -> None:
        with pytest.raises(StoreMisconfigured) as refused:
            await S3Objects.open("http://127.0.0.1:9000", "tls", tls=files)
        assert str(refused.value) == "S3_TLS_CA_FILE is set: write https:// in S3_ENDPOINT_URL."
