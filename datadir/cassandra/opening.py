"""How is a Cassandra cluster reached, and in which sentence does a start fail that cannot?

By cassandra-driver's own documentation: token-aware, one datacenter where it is named, nodes that come back found at a
constant pace, nothing repeated behind our back. Nodes are known by their addresses, whatever name was given, so with
TLS their certificates have to name these addresses.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    OperationTimedOut,
    RequestExecutionException,
    Unauthorized,
    UnresolvableContactPoints,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.connection import ConnectionException, ProtocolVersionUnsupported
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
)
from cassandra.query import tuple_factory

from datadir import unreachable
from datadir.names import StoreName
from datadir.tls import TlsFiles

NO_FILES: Final = TlsFiles(StoreName.CASSANDRA)
WRITES: Final = "writes"
"""The profile of writes; reads have the default one."""
PROTOCOL: Final = 5
"""The native protocol of Cassandra 4.0 and newer."""
RECONNECT: Final = 0.25
"""Seconds between two looks at a node that is away: one that comes back is found so soon, however long it was away."""
_NOT_THERE: Final = (NoHostAvailable, ConnectionException, OperationTimedOut, RequestExecutionException, OSError)


@dataclass(frozen=True, slots=True)
class Nodes:
    """Where a cluster is, and who we are there. `hosts` are contact points, names or addresses."""

    hosts: tuple[str, ...]
    port: int = 9042
    username: str | None = None
    password: str | None = None
    datacenter: str | None = None
    tls: TlsFiles = NO_FILES

    @property
    def where(self) -> str:
        """For people."""
        return f"{', '.join(self.hosts)}:{self.port}"


def cluster(nodes: Nodes, context: ssl.SSLContext | None, *, read_seconds: float, write_seconds: float) -> Any:
    """The driver's cluster, not connected yet. Blocks: it looks the hosts up."""
    nearest = RoundRobinPolicy() if nodes.datacenter is None else DCAwareRoundRobinPolicy(local_dc=nodes.datacenter)
    profile = {
        "load_balancing_policy": TokenAwarePolicy(nearest),
        # Nothing is repeated behind our back: a counter would count twice.
        "retry_policy": FallthroughRetryPolicy(),
        "consistency_level": ConsistencyLevel.LOCAL_QUORUM,
        "row_factory": tuple_factory,
    }
    return Cluster(
        contact_points=list(nodes.hosts),
        port=nodes.port,
        protocol_version=PROTOCOL,
        connect_timeout=15,
        auth_provider=None if nodes.username is None else PlainTextAuthProvider(nodes.username, nodes.password),
        ssl_context=context,
        reconnection_policy=ConstantReconnectionPolicy(RECONNECT, max_attempts=None),
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=read_seconds, **profile),
            WRITES: ExecutionProfile(request_timeout=write_seconds, **profile),
        },
    )


async def sentence(error: BaseException, nodes: Nodes, context: ssl.SSLContext | None, keyspace: str) -> str | None:
    """What the operator has to know, None where the error is a defect of ours."""
    if isinstance(error, UnresolvableContactPoints):
        return f"CASSANDRA_HOST names a host that nobody knows: {', '.join(nodes.hosts)}."
    causes = _causes(error)
    if any(isinstance(cause, AuthenticationFailed) for cause in causes):
        if nodes.username is None:
            return f"Cassandra at {nodes.where} asks for a user: set CASSANDRA_USERNAME and CASSANDRA_PASSWORD."
        return f"Cassandra refuses the user or password at {nodes.where}."
    if any(isinstance(cause, ProtocolVersionUnsupported) or "protocol_version" in str(cause) for cause in causes):
        return f"Cassandra at {nodes.where} is too old: the program needs 4.0 or newer."
    if isinstance(error, Unauthorized):
        return (
            f"Cassandra lets this user not make keyspace {keyspace}: run keyspaces.cql and tables.cql as one who may."
        )
    if isinstance(error, _NOT_THERE):
        places = [(host, nodes.port) for host in nodes.hosts]
        plain = await unreachable.sentence("CASSANDRA_HOST", places, nodes.tls, context)
        return plain or f"Cassandra does not answer at {nodes.where}."
    return None


def _causes(error: BaseException) -> Sequence[BaseException]:
    """What went wrong at each node."""
    if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict):
        return [error, *error.errors.values()]
    return [error]
