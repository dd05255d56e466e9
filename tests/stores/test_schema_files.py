"""Are the schema files there under the names by which the platform knows them, and is each really used?"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

import datadir
from tests.event_loop import ROOT

DATADIR: Final = Path(datadir.__path__[0])
KNOWN: Final = (
    "README.md",
    "docker-volumes.md",
    "postgresql/001_core_schema.sql",
    "postgresql/002_documents_schema.sql",
    "postgresql/003_tutor_sessions_schema.sql",
    "postgresql/004_softskills_schema.sql",
    "postgresql/init.sql",
    "qdrant/collections.md",
    "qdrant/setup.py",
    "redis/schema.md",
    "mongodb/collections.md",
    "mongodb/init.js",
    "cassandra/keyspaces.cql",
    "cassandra/tables.cql",
    "kafka/topics.md",
    "minio/buckets.md",
    "migrations/README.md",
)
"""Pages are compared with the declarations that they describe in the tests of their stores; `init.js` and the CQL are
made from these, which is compared there too."""


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_file_is_there(name: str) -> None:
    assert (DATADIR / name).stat().st_size > 100


def test_each_sql_file_is_run_by_one_revision() -> None:
    revisions = [file.read_text(encoding="utf-8") for file in (DATADIR / "migrations" / "versions").glob("*.py")]
    files = sorted(file.name for file in (DATADIR / "postgresql").glob("0*.sql"))
    assert len(files) >= 11
    assert {name: sum(f'"{name}"' in revision for revision in revisions) for name in files} == dict.fromkeys(files, 1)


def test_a_new_volume_runs_what_takes_a_superuser() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "./datadir/postgresql/init.sql:/docker-entrypoint-initdb.d/" in compose
