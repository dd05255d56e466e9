"""Where is each store, and who are we there? Under the names that its users know; without an address it is embedded.

Each field's description is its row in `docs/settings.md`. How an address begins is checked with all others
(`graph/settings.py`); which files say whom to trust is `graph/tls_settings.py`.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

ADDRESSES: Final = (
    "database_url",
    "redis_url",
    "mongodb_url",
    "qdrant_host",
    "cassandra_host",
    "kafka_bootstrap_servers",
    "s3_endpoint_url",
)
"""The address of each store: production has all of them."""
PAIRS: Final = (
    ("cassandra_username", "cassandra_password"),
    ("kafka_username", "kafka_password"),
    ("aws_access_key_id", "aws_secret_access_key"),
)
"""Who we are, and what proves it."""


class StoresSettings(BaseSettings):
    """The part of `Settings` that is about where the stores are."""

    database_url: SecretStr | None = Field(
        None, validation_alias="DATABASE_URL", description="PostgreSQL: `postgresql://user:password@host:5432/name`."
    )
    redis_url: SecretStr | None = Field(
        None, validation_alias="REDIS_URL", description="Redis: `redis://host:6379/0` or `rediss://`."
    )
    mongodb_url: SecretStr | None = Field(
        None, validation_alias="MONGODB_URL", description="MongoDB: `mongodb://user:password@host:27017/name`."
    )
    qdrant_host: str | None = Field(None, validation_alias="QDRANT_HOST", description="Qdrant's host.")
    qdrant_port: int = Field(6333, validation_alias="QDRANT_PORT", ge=1, le=65535, description="Qdrant's REST port.")
    qdrant_api_key: SecretStr | None = Field(None, validation_alias="QDRANT_API_KEY", description="Qdrant's API key.")
    cassandra_host: str | None = Field(
        None, validation_alias="CASSANDRA_HOST", description="Cassandra's contact points, separated by commas."
    )
    cassandra_port: int = Field(
        9042, validation_alias="CASSANDRA_PORT", ge=1, le=65535, description="Cassandra's native port."
    )
    cassandra_username: str | None = Field(
        None, validation_alias="CASSANDRA_USERNAME", description="Cassandra's user, where it asks for one."
    )
    cassandra_password: SecretStr | None = Field(
        None, validation_alias="CASSANDRA_PASSWORD", description="That user's password."
    )
    cassandra_datacenter: str | None = Field(
        None,
        validation_alias="CASSANDRA_DATACENTER",
        description="The datacenter whose nodes are asked; unset: all nodes alike.",
    )
    kafka_bootstrap_servers: str | None = Field(
        None, validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="Kafka's first brokers, separated by commas."
    )
    kafka_username: str | None = Field(
        None, validation_alias="KAFKA_USERNAME", description="Kafka's user (SASL), where it asks for one."
    )
    kafka_password: SecretStr | None = Field(
        None, validation_alias="KAFKA_PASSWORD", description="That user's password."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", validation_alias="KAFKA_SASL_MECHANISM", description="How that user logs in."
    )
    s3_endpoint_url: str | None = Field(
        None, validation_alias="S3_ENDPOINT_URL", description="Object storage's address."
    )
    aws_access_key_id: SecretStr | None = Field(
        None, validation_alias="AWS_ACCESS_KEY_ID", description="Object storage's access key."
    )
    aws_secret_access_key: SecretStr | None = Field(
        None, validation_alias="AWS_SECRET_ACCESS_KEY", description="Object storage's secret key."
    )
    aws_region: str = Field("us-east-1", validation_alias="AWS_REGION", description="Object storage's region.")
    s3_bucket: str = Field("studygraph", description="The bucket that holds all objects.")
