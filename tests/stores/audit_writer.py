"""A process that writes to the audit log: `python -m tests.stores.audit_writer DSN FOLDER ACTION COUNT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from datadir.audit import AuditLog
from datadir.minio.embedded import FolderObjects
from datadir.postgresql.audit_log import AuditRow
from datadir.postgresql.client import Postgres


async def write(dsn: str, folder: str, action: str, count: int) -> None:
    """Once standard input says so, ten at a time."""
    postgresql = await Postgres.open(dsn, min_size=1, max_size=4)
    log = AuditLog(postgresql, await FolderObjects.open(Path(folder), public_url="http://x.test", secret="x" * 32))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    for _ in range(count // 10):
        await asyncio.gather(*(log.write([AuditRow(None, action)]) for _ in range(10)))
    await log.close()
    await postgresql.close()


if __name__ == "__main__":
    asyncio.run(write(*sys.argv[1:4], int(sys.argv[4])))
