"""How do four servers fit into one small machine? `python -m graph` with two limits of its stores out of the way.

The embedded PostgreSQL's 60 connections are meant for one server, whose pool takes up to 30. And a worker that many
connections keep busy comes late to answers that have long been there, which a deadline takes for the store's fault.
"""

from __future__ import annotations

import runpy
from typing import Any, Final

from datadir.mongodb import client as mongodb
from datadir.postgresql import embedded as postgresql
from datadir.qdrant import embedded as qdrant
from datadir.redis import client as redis

PATIENCE: Final = 60.0
CONNECTIONS: Final = 160


def main() -> None:
    """Serve, as the command line says."""
    limits: tuple[tuple[Any, str, object], ...] = (
        (postgresql._SETTINGS, "max_connections", str(CONNECTIONS)),
        (vars(redis), "DEADLINE", PATIENCE),
        (vars(qdrant), "READ_SECONDS", PATIENCE),
        (mongodb.Documents.aggregate.__kwdefaults__, "deadline", PATIENCE),
    )
    for place, name, limit in limits:
        # None of them may have been renamed.
        place[name] = type(place[name])(limit)
    runpy.run_module("graph", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
