"""What are the stores called? The folder names, everywhere: ledger, errors, `stores`, logs."""

from enum import StrEnum


class StoreName(StrEnum):
    """The seven stores, in the order in which they are opened."""

    POSTGRESQL = "postgresql"
    REDIS = "redis"
    MONGODB = "mongodb"
    QDRANT = "qdrant"
    CASSANDRA = "cassandra"
    KAFKA = "kafka"
    MINIO = "minio"
