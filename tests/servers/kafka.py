"""Which Kafka do tests run on? The one that `KAFKA_BOOTSTRAP_SERVERS` names, else one node of Kafka 4.3 from Maven.

The node is broker and controller in one (KRaft). It waits for nothing that only several brokers need, and notices a
dead one after 1.5 s: with Kafka's own 9 s a restart after SIGKILL would take 14.
"""

from __future__ import annotations

import asyncio
import base64
import re
import signal
import struct
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from os import environ

from datadir.launcher import Program
from datadir.names import StoreName
from tests.servers.fetching import jars, java
from tests.servers.server import Process, Server, exchanged, free_ports, temporary_place

_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "log.cleaner.dedupe.buffer.size": "2097152",
    "log.index.size.max.bytes": "262144",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "controlled.shutdown.enable": "false",
    "broker.heartbeat.interval.ms": "250",
    "broker.session.timeout.ms": "1500",
}
# Metadata, version 1, of no topic: an answer that counts brokers comes later than the open port.
_QUESTION = b"tests"
_METADATA = struct.pack(">hhih", 3, 1, 1, len(_QUESTION)) + _QUESTION + struct.pack(">i", 0)


@asynccontextmanager
async def running(
    properties: Mapping[str, str] | None = None,
    protocol: str = "PLAINTEXT",
    users: Mapping[str, str] | None = None,
    behind: int | None = None,
) -> AsyncIterator[Server]:
    """A broker without any topic. With `properties` it is always one of ours; `protocol` is what its listener for
    clients speaks, and `users` are those whom it knows by SCRAM-SHA-512, with their passwords. A broker tells clients
    where it is: `behind` is the port that it names, a relay's, in place of its own. Raises Absent."""
    if (named := environ.get("KAFKA_BOOTSTRAP_SERVERS")) and properties is None:
        yield Server({"KAFKA_BOOTSTRAP_SERVERS": named})
        return
    program = java(17)
    classes = f"{await asyncio.to_thread(jars, 'kafka')}/*"
    async with temporary_place() as (folder, launcher):
        storage = folder.storage("kafka")
        [port, controller, probe] = free_ports(3)
        listeners = {"CLIENTS": port, "CONTROLLER": controller, "PROBE": probe}
        whole = {
            **_PROPERTIES,
            "listeners": ",".join(f"{name}://127.0.0.1:{where}" for name, where in listeners.items()),
            "advertised.listeners": f"CLIENTS://127.0.0.1:{behind or port},PROBE://127.0.0.1:{probe}",
            "listener.security.protocol.map": f"CLIENTS:{protocol},CONTROLLER:PLAINTEXT,PROBE:PLAINTEXT",
            "inter.broker.listener.name": "PROBE",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
            "log.dirs": str(storage / "log"),
            **(properties or {}),
        }
        configuration = storage / "server.properties"
        configuration.write_text("".join(f"{name}={value}\n" for name, value in whole.items()))

        def run(main: str, *words: str) -> Program:
            return Program(
                store=StoreName.KAFKA,
                command=[program, *_JVM, "-cp", classes, main, *words],
                cwd=storage,
                stop=signal.SIGTERM,
                orphaned=signal.SIGKILL,
                complaint=re.compile(r".*(ERROR|Exception).*"),
                environment={"MALLOC_ARENA_MAX": "2"},
            )

        # Never with a dash in front, which the tool takes for an option of its own.
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        words = ["format", "-t", cluster, "-c", str(configuration), "--standalone"]
        for name, password in (users or {}).items():
            words += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        await launcher.run(run("kafka.tools.StorageTool", *words))

        async def answers() -> bool:
            said = await exchanged(probe, struct.pack(">i", len(_METADATA)) + _METADATA, 12)
            return len(said) == 12 and struct.unpack(">i", said[8:])[0] >= 1

        process = Process(launcher, run("kafka.Kafka", str(configuration)), answers)
        await process.start()
        yield Server({"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}, [process])


_JVM = (
    "-Xms256m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:+PerfDisableSharedMem",
    "-Djava.net.preferIPv4Stack=true",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)
