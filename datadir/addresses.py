"""Where is each store, and who are we there? What the settings say, in the words of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from datadir.names import StoreName
from datadir.postgresql.opening import with_tls
from datadir.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where each store is. None: embedded. `secret` signs links and page tokens and closes learners' keys,
    `secret_before` opens those that were closed before it; `public_url` begins links."""

    secret: str
    public_url: str
    secret_before: str | None = None
    database_url: str | None = None
    redis_url: str | None = None
    mongodb_url: str | None = None
    qdrant_host: str | None = None
    qdrant_port: int = 6333
    qdrant_api_key: str | None = None
    cassandra_host: str | None = None
    cassandra_port: int = 9042
    cassandra_username: str | None = None
    cassandra_password: str | None = None
    cassandra_datacenter: str | None = None
    kafka_bootstrap_servers: str | None = None
    kafka_username: str | None = None
    kafka_password: str | None = None
    kafka_sasl_mechanism: str = "SCRAM-SHA-512"
    s3_endpoint_url: str | None = None
    s3_bucket: str = "studygraph"
    s3_access_key: str | None = None
    s3_secret_key: str | None = None
    s3_region: str = "us-east-1"
    read_deadline: float = 0.4
    tls: Mapping[StoreName, TlsFiles] = field(default_factory=dict)

    @property
    def embedded(self) -> list[StoreName]:
        """The stores that no setting names."""
        named = {
            StoreName.POSTGRESQL: self.database_url,
            StoreName.REDIS: self.redis_url,
            StoreName.MONGODB: self.mongodb_url,
            StoreName.QDRANT: self.qdrant_host,
            StoreName.CASSANDRA: self.cassandra_host,
            StoreName.KAFKA: self.kafka_bootstrap_servers,
            StoreName.MINIO: self.s3_endpoint_url,
        }
        return [store for store, address in named.items() if not address]

    def tls_of(self, store: StoreName) -> TlsFiles:
        """The TLS files of a store; none for an embedded one, which listens where nobody else comes."""
        return self.tls.get(store, TlsFiles(store)) if store not in self.embedded else TlsFiles(store)

    @property
    def postgresql_dsn(self) -> str:
        """DATABASE_URL as asyncpg takes it, TLS files included; SQLAlchemy's spelling with a driver is taken too."""
        plain = (self.database_url or "").replace("postgresql+asyncpg://", "postgresql://", 1)
        return with_tls(plain, self.tls_of(StoreName.POSTGRESQL))
