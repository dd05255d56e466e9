"""Which Cassandra do tests run on? The one that `CASSANDRA_HOST` names, else one node of Cassandra 5.0 from Maven.

It writes its log with each write and never waits for the disk: a SIGKILL loses nothing it acknowledged (with the
periodic log that is Cassandra's own default, it did). As root it would lock all its memory, so it may not.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable

from datadir.launcher import Program
from datadir.names import StoreName
from tests.servers.fetching import jars, java
from tests.servers.server import Process, Server, exchanged, free_ports, temporary_place

USER: Final = "school"
PASSWORD: Final = "pass-of-tests"
_VARIABLES = ("CASSANDRA_HOST", "CASSANDRA_PORT", "CASSANDRA_USERNAME", "CASSANDRA_PASSWORD")
# An OPTIONS frame of protocol 4 and the opcode of its answer; no account is needed for it.
_OPTIONS = b"\x04\x00\x00\x00\x05\x00\x00\x00\x00"
_SUPPORTED = 6


@asynccontextmanager
async def running(*, accounts: bool = False) -> AsyncIterator[Server]:
    """A node without any keyspace; with `accounts`, the settings name one that may make keyspaces and knows its own
    only. Raises Absent."""
    named = {name: value for name in _VARIABLES if (value := os.environ.get(name))}
    if "CASSANDRA_HOST" in named and ("CASSANDRA_USERNAME" in named) == accounts:
        yield Server({"CASSANDRA_PORT": "9042", **named})
        return
    program = java(17, 17)  # what 5.0 is made for, and what the options below open to it
    classes = f"{await asyncio.to_thread(jars, 'cassandra')}/*"
    async with temporary_place() as (folder, launcher):
        storage = folder.storage("cassandra")
        [port, between, encrypted] = free_ports(3)
        _configure(storage, port, between, encrypted, accounts=accounts)
        command = [program, *_JVM, *_places(storage), *_OPENED, *_QUICK, "-cp", classes]
        command.append("org.apache.cassandra.service.CassandraDaemon")
        if os.geteuid() == 0 and (setpriv := shutil.which("setpriv")):
            command = [setpriv, "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", *command]

        async def answers() -> bool:
            said = await exchanged(port, _OPTIONS, 9)
            return len(said) == 9 and said[4] == _SUPPORTED

        process = Process(
            launcher,
            Program(
                store=StoreName.CASSANDRA,
                command=command,
                cwd=storage,
                stop=signal.SIGTERM,
                orphaned=signal.SIGKILL,
                complaint=re.compile(r".*(ERROR|Exception).*"),
                environment={"MALLOC_ARENA_MAX": "2"},
                patience=20.0,
            ),
            answers,
        )
        await process.start()
        settings = {"CASSANDRA_HOST": "127.0.0.1", "CASSANDRA_PORT": str(port)}
        if accounts:
            await asyncio.to_thread(_make_account, port)
            settings |= {"CASSANDRA_USERNAME": USER, "CASSANDRA_PASSWORD": PASSWORD}
        yield Server(settings, [process])


def _make_account(port: int) -> None:
    """Wait for the superuser that a new node makes by itself, and let it make ours."""
    while True:
        cluster: Any = Cluster(
            ["127.0.0.1"],
            port=port,
            protocol_version=5,
            connect_timeout=15,
            auth_provider=PlainTextAuthProvider("cassandra", "cassandra"),
        )
        try:
            session = cluster.connect()
            session.execute(f"CREATE ROLE {USER} WITH PASSWORD = '{PASSWORD}' AND LOGIN = true", timeout=20)
            session.execute(f"GRANT CREATE ON ALL KEYSPACES TO {USER}", timeout=20)
            return
        except NoHostAvailable:
            continue  # not made yet
        finally:
            cluster.shutdown()


def _configure(storage: Path, port: int, between: int, encrypted: int, *, accounts: bool) -> None:
    text = _YAML.format(
        storage=storage,
        port=port,
        between=between,
        encrypted=encrypted,
        authenticator="PasswordAuthenticator" if accounts else "AllowAllAuthenticator",
        authorizer="CassandraAuthorizer" if accounts else "AllowAllAuthorizer",
    )
    (storage / "cassandra.yaml").write_text(text)
    (storage / "logback.xml").write_text(_LOGBACK)
    (storage / "tmp").mkdir()


def _places(storage: Path) -> list[str]:
    return [
        f"-Djava.io.tmpdir={storage}/tmp",
        f"-Dcassandra.config=file://{storage}/cassandra.yaml",
        f"-Dlogback.configurationFile=file:{storage}/logback.xml",
        f"-Dcassandra.storagedir={storage}",
        f"-Dcassandra.logdir={storage}/logs",
    ]


_YAML = """\
cluster_name: tests
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {between}
ssl_storage_port: {encrypted}
native_transport_port: {port}
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:{between}"
data_file_directories: ["{storage}/data"]
commitlog_directory: "{storage}/commitlog"
saved_caches_directory: "{storage}/saved_caches"
hints_directory: "{storage}/hints"
cdc_raw_directory: "{storage}/cdc_raw"
commitlog_sync: batch
commitlog_segment_size: 8MiB
commitlog_total_space: 64MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 32MiB
auto_snapshot: false
hinted_handoff_enabled: false
key_cache_size: 4MiB
counter_cache_size: 2MiB
concurrent_reads: 8
concurrent_writes: 8
concurrent_counter_writes: 8
concurrent_compactors: 1
compaction_throughput: 0MiB/s
read_request_timeout: 20s
range_request_timeout: 20s
write_request_timeout: 20s
counter_write_request_timeout: 20s
truncate_request_timeout: 60s
request_timeout: 20s
authenticator: {authenticator}
authorizer: {authorizer}
role_manager: CassandraRoleManager
"""

_LOGBACK = """\
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"""

_JVM = (
    "-Xms512m",
    "-Xmx512m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:+PerfDisableSharedMem",
    "-Djava.net.preferIPv4Stack=true",
)

# What conf/jvm17-server.options of Cassandra 5.0 opens to it.
_OPENED = (
    "-Djdk.attach.allowAttachSelf=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    *(
        word
        for option, names in (
            (
                "--add-exports",
                "java.base/jdk.internal.misc java.base/java.lang.ref java.rmi/sun.rmi.registry java.rmi/sun.rmi.server "
                "java.management.rmi/com.sun.jmx.remote.internal.rmi java.sql/java.sql jdk.unsupported/sun.misc "
                "jdk.compiler/com.sun.tools.javac.file jdk.attach/sun.tools.attach",
            ),
            (
                "--add-opens",
                "java.base/java.lang.module java.base/jdk.internal.loader java.base/jdk.internal.ref "
                "java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module "
                "java.base/jdk.internal.util.jar java.base/sun.nio.ch java.base/java.io java.base/java.lang.reflect "
                "java.base/java.lang java.base/java.util jdk.compiler/com.sun.tools.javac "
                "jdk.management/com.sun.management.internal",
            ),
        )
        for name in names.split()
        for word in (option, f"{name}=ALL-UNNAMED")
    ),
)

# One node that waits for no other. The schema outlives SIGKILL: `unsafesystem` would be quicker and lose it.
_QUICK = (
    "-Dcassandra-foreground=yes",
    "-Dcassandra.ring_delay_ms=0",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.shutdown_announce_in_ms=0",
    "-Dcassandra.consistent.rangemovement=false",
    "-Dcassandra.memtable.row_overhead_size=180",
    "-Dcassandra.skip_sync=true",
)
