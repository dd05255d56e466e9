"""Is the bucket there? A start makes it, `migrate --check` says that it is missing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from datadir.names import StoreName

if TYPE_CHECKING:
    from datadir.migrations.pending import Place


async def pending(place: Place) -> list[str]:
    """The phrase "bucket studygraph" where it is missing, "folder objects" where the stand-in has none."""
    if place.is_embedded(StoreName.MINIO):
        there = await asyncio.to_thread((place.storage(StoreName.MINIO) / "objects").is_dir)
        return [] if there else ["folder objects"]
    from datadir.minio.client import S3Objects

    where = place.addresses
    objects = await S3Objects.open(
        where.s3_endpoint_url or "",
        where.s3_bucket,
        access_key=where.s3_access_key,
        secret_key=where.s3_secret_key,
        region=where.s3_region,
        tls=where.tls_of(StoreName.MINIO),
        create=False,
    )
    await objects.close()
    return [f"bucket {objects.bucket}"] if objects.bucket_is_missing else []
