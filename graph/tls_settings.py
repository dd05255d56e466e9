"""Which files say whom to trust, and who we are, when a store is reached by TLS? Three settings for each store.

Each field's description is its row in `docs/settings.md`. That the files are there and what they should be is found out
when the stores are opened (`datadir/tls.py`).
"""

from __future__ import annotations

from typing import Final

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


class TlsSettings(BaseSettings):
    """The part of `Settings` that is about TLS."""

    database_tls_ca_file: str | None = Field(
        None,
        validation_alias="DATABASE_TLS_CA_FILE",
        description="The CA of PostgreSQL's certificate, or `system`; turns TLS on.",
    )
    database_tls_cert_file: str | None = Field(
        None, validation_alias="DATABASE_TLS_CERT_FILE", description="Our certificate, where PostgreSQL asks for one."
    )
    database_tls_key_file: str | None = Field(
        None,
        validation_alias="DATABASE_TLS_KEY_FILE",
        description="The key of that certificate, where it is in another file.",
    )
    redis_tls_ca_file: str | None = Field(
        None,
        validation_alias="REDIS_TLS_CA_FILE",
        description="The CA of Redis' certificate, or `system`; turns TLS on.",
    )
    redis_tls_cert_file: str | None = Field(
        None, validation_alias="REDIS_TLS_CERT_FILE", description="Our certificate, where Redis asks for one."
    )
    redis_tls_key_file: str | None = Field(
        None,
        validation_alias="REDIS_TLS_KEY_FILE",
        description="The key of that certificate, where it is in another file.",
    )
    mongodb_tls_ca_file: str | None = Field(
        None,
        validation_alias="MONGODB_TLS_CA_FILE",
        description="The CA of MongoDB's certificate, or `system`; turns TLS on.",
    )
    mongodb_tls_cert_file: str | None = Field(
        None, validation_alias="MONGODB_TLS_CERT_FILE", description="Our certificate, where MongoDB asks for one."
    )
    mongodb_tls_key_file: str | None = Field(
        None,
        validation_alias="MONGODB_TLS_KEY_FILE",
        description="The key of that certificate, where it is in another file.",
    )
    qdrant_tls_ca_file: str | None = Field(
        None,
        validation_alias="QDRANT_TLS_CA_FILE",
        description="The CA of Qdrant's certificate, or `system`; turns TLS on.",
    )
    qdrant_tls_cert_file: str | None = Field(
        None, validation_alias="QDRANT_TLS_CERT_FILE", description="Our certificate, where Qdrant asks for one."
    )
    qdrant_tls_key_file: str | None = Field(
        None,
        validation_alias="QDRANT_TLS_KEY_FILE",
        description="The key of that certificate, where it is in another file.",
    )
    cassandra_tls_ca_file: str | None = Field(
        None,
        validation_alias="CASSANDRA_TLS_CA_FILE",
        description="The CA of Cassandra's certificate, or `system`; turns TLS on.",
    )
    cassandra_tls_cert_file: str | None = Field(
        None, validation_alias="CASSANDRA_TLS_CERT_FILE", description="Our certificate, where Cassandra asks for one."
    )
    cassandra_tls_key_file: str | None = Field(
        None,
        validation_alias="CASSANDRA_TLS_KEY_FILE",
        description="The key of that certificate, where it is in another file.",
    )
    kafka_tls_ca_file: str | None = Field(
        None,
        validation_alias="KAFKA_TLS_CA_FILE",
        description="The CA of Kafka's certificate, or `system`; turns TLS on.",
    )
    kafka_tls_cert_file: str | None = Field(
        None, validation_alias="KAFKA_TLS_CERT_FILE", description="Our certificate, where Kafka asks for one."
    )
    kafka_tls_key_file: str | None = Field(
        None,
        validation_alias="KAFKA_TLS_KEY_FILE",
        description="The key of that certificate, where it is in another file.",
    )
    s3_tls_ca_file: str | None = Field(
        None,
        validation_alias="S3_TLS_CA_FILE",
        description="The CA of object storage's certificate, or `system`; turns TLS on.",
    )
    s3_tls_cert_file: str | None = Field(
        None, validation_alias="S3_TLS_CERT_FILE", description="Our certificate, where object storage asks for one."
    )
    s3_tls_key_file: str | None = Field(
        None,
        validation_alias="S3_TLS_KEY_FILE",
        description="The key of that certificate, where it is in another file.",
    )
