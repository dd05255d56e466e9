"""Which files say whom to trust, and who we are, when a store is reached by TLS? Three settings for each store.

Each field's description is its row in `docs/settings.md`. That the files are there and what they should be is found out
when the stores are opened (`datadir/tls.py`).
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field
from pydantic_settings import BaseSettings

PREFIXES: Final = {
    "database": "database_url",
    "redis": "redis_url",
    "mongodb": "mongodb_url",
    "qdrant": "qdrant_host",
    "cassandra": "cassandra_host",
    "kafka": "kafka_bootstrap_servers",
    "s3": "s3_endpoint_url",
}
"""How the fields of a store begin, and its address, without which they mean nothing."""


def _ca(prefix: str, whose: str) -> Any:
    description = f"The CA of {whose} certificate, or `system`; turns TLS on."
    return Field(None, validation_alias=f"{prefix}_TLS_CA_FILE", description=description)


def _cert(prefix: str, store: str) -> Any:
    description = f"Our certificate, where {store} asks for one."
    return Field(None, validation_alias=f"{prefix}_TLS_CERT_FILE", description=description)


def _key(prefix: str) -> Any:
    description = "The key of that certificate, where it is in another file."
    return Field(None, validation_alias=f"{prefix}_TLS_KEY_FILE", description=description)


class TlsSettings(BaseSettings):
    """The part of `Settings` that is about TLS."""

    database_tls_ca_file: str | None = _ca("DATABASE", "PostgreSQL's")
    database_tls_cert_file: str | None = _cert("DATABASE", "PostgreSQL")
    database_tls_key_file: str | None = _key("DATABASE")
    redis_tls_ca_file: str | None = _ca("REDIS", "Redis'")
    redis_tls_cert_file: str | None = _cert("REDIS", "Redis")
    redis_tls_key_file: str | None = _key("REDIS")
    mongodb_tls_ca_file: str | None = _ca("MONGODB", "MongoDB's")
    mongodb_tls_cert_file: str | None = _cert("MONGODB", "MongoDB")
    mongodb_tls_key_file: str | None = _key("MONGODB")
    qdrant_tls_ca_file: str | None = _ca("QDRANT", "Qdrant's")
    qdrant_tls_cert_file: str | None = _cert("QDRANT", "Qdrant")
    qdrant_tls_key_file: str | None = _key("QDRANT")
    cassandra_tls_ca_file: str | None = _ca("CASSANDRA", "Cassandra's")
    cassandra_tls_cert_file: str | None = _cert("CASSANDRA", "Cassandra")
    cassandra_tls_key_file: str | None = _key("CASSANDRA")
    kafka_tls_ca_file: str | None = _ca("KAFKA", "Kafka's")
    kafka_tls_cert_file: str | None = _cert("KAFKA", "Kafka")
    kafka_tls_key_file: str | None = _key("KAFKA")
    s3_tls_ca_file: str | None = _ca("S3", "object storage's")
    s3_tls_cert_file: str | None = _cert("S3", "object storage")
    s3_tls_key_file: str | None = _key("S3")
