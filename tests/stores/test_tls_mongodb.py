"""Is a MongoDB reached by TLS as the settings say, and by nobody else? On SecantusDB, which speaks its protocol."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from functools import partial
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from datadir.data_folder import DataFolder
from datadir.errors import StoreMisconfigured
from datadir.launcher import Program
from datadir.mongodb import embedded
from datadir.mongodb.client import Documents
from datadir.names import StoreName
from datadir.tls import TlsFiles
from tests.certificates import Authority
from tests.servers.server import Process, free_ports, temporary_place
from tests.stores.tls_contract import Door, TlsContract


@pytest_asyncio.fixture(scope="module")
async def door(authority: Authority, held_folder: DataFolder, mongodb_url: str) -> AsyncIterator[Door]:
    """SecantusDB with TLS; the embedded one speaks without."""
    [port] = free_ports(1)
    server = authority.server("mongodb")
    async with temporary_place() as (folder, launcher):
        storage = folder.storage("mongodb")
        (storage / "secantusd.toml").touch()
        command = [sys.executable, "-P", "-m", "secantus", "--config", str(storage / "secantusd.toml")]
        command += ["--port", str(port), "--storage-path", str(storage / "files"), "--standalone"]
        command += ["--log-level", "ERROR", "--tls-cert-file", str(server.cert), "--tls-key-file", str(server.key)]
        command += ["--tls-ca-file", str(authority.file), "--tls-require-client-cert"]
        program = Program(
            store=StoreName.MONGODB,
            command=command,
            cwd=storage,
            stop=signal.SIGTERM,
            orphaned=signal.SIGKILL,
            complaint=embedded._COMPLAINT,
            # What the other server has compiled.
            environment=embedded._bytecode(held_folder.path / "mongodb"),
            patience=5.0,
            nudge=partial(embedded._accepts, port),
        )
        process = Process(launcher, program, partial(embedded._accepts, port))
        await process.start()
        yield Door(port, urlsplit(mongodb_url).port or 0)


class TestMongodb(TlsContract):
    """By motor, which takes certificate and key in one file only."""

    implementation = "SecantusDB"
    store = StoreName.MONGODB
    called = "MongoDB"

    async def reached(self, host: str, port: int, tls: TlsFiles) -> None:
        address = f"mongodb://{host}:{port}/tls?directConnection=true"
        opened = await Documents.open(address, min_connections=1, within=1.0, tls=tls)
        try:
            await opened.insert_many("notes", [{"text": "spoken"}])
            assert [each["text"] for each in await opened.find("notes", {"text": "spoken"}, limit=1)] == ["spoken"]
        finally:
            await opened.close()

    async def test_the_address_may_not_say_the_contrary(self, door: Door, files: TlsFiles) -> None:
        with pytest.raises(StoreMisconfigured) as refused:
            await Documents.open(f"mongodb://127.0.0.1:{door.tls}/tls?tls=false", tls=files)
        assert str(refused.value) == (
            "MONGODB_TLS_CA_FILE is set, and MONGODB_URL says tls=false: keep one of the two."
        )
