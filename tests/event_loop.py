"""Does anything of ours block the event loop? While tests run, whatever does so raises, and its test fails.

blockbuster stands in for the calls that wait (files, sockets, locks, `time.sleep`) and raises where one is made on a
thread whose loop runs, by our code or on its behalf. Waiting is allowed where nobody is being answered yet or any more.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

from blockbuster import blockbuster as guard

ROOT: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = ("graph", "resolvers", "loaders", "datadir")


class _Everywhere(frozenset[str]):
    """The names of all functions of a file."""

    def __contains__(self, name: object) -> bool:
        return True


EVERYWHERE: Final = _Everywhere()
ALLOWED: Final[Mapping[str, Set[str]]] = {
    # The start and the end of the program, and of what is opened one by one in tests.
    "graph/app.py": {"application", "lifespan"},
    "graph/process.py": {"opened", "migrated", "pending_changes"},
    "graph/serving.py": {"_serve"},
    "datadir/stores.py": {"open_stores", "start_embedded"},
    "datadir/migrations/migrate.py": {"upgrade", "missing", "revisions", "run"},
    "datadir/migrations/pending.py": {"pending"},
    "datadir/cassandra/client.py": {"open"},
    "datadir/kafka/client.py": {"open"},
    "datadir/kafka/pending.py": {"pending"},
    "datadir/minio/client.py": {"open"},
    "datadir/mongodb/client.py": {"open"},
    "datadir/postgresql/opening.py": {"connected", "pooled", "_systems"},
    "datadir/qdrant/client.py": {"opened"},
    "datadir/redis/client.py": {"open"},
    # Servers of one's own, on a laptop or for tests: programs are started and their files looked at.
    "datadir/data_folder.py": EVERYWHERE,
    "datadir/launcher.py": EVERYWHERE,
    "datadir/orphans.py": EVERYWHERE,
    "datadir/mongodb/embedded.py": EVERYWHERE,
    "datadir/postgresql/embedded.py": EVERYWHERE,
    "datadir/redis/embedded.py": EVERYWHERE,
    # The demo school is written before the program answers.
    "resolvers/demo/reading.py": {"_lines"},
    # For each new connection asyncpg looks whether its user keeps passwords or certificates in files.
    "asyncpg/connect_utils.py": {"_parse_connect_dsn_and_args"},
    # The local mode of Qdrant's client, a double for tests, reads its own version from the files of its package.
    "qdrant_client/local/async_qdrant_local.py": {"info"},
    # Once for each place in a document that takes an input Strawberry compares the files of two modules.
    "strawberry/types/lazy_type.py": {"resolve_type"},
    # The log is a pipe or a file of the system, which takes a line at once.
    "logging/__init__.py": {"emit"},
}
"""Where our code may wait: file, functions."""


class Blocked(guard.BlockingError):
    """Written down too: what raises may be caught where nobody hears of it."""

    noticed: Final[list[str]] = []

    def __init__(self, func: str) -> None:
        super().__init__(func)
        self.noticed.append("".join([f"{self}\n", *traceback.format_stack()]))


@contextmanager
def guarded() -> Iterator[list[str]]:
    """While this lasts, blocking calls raise; the list says where any did."""
    raised, guard.BlockingError = guard.BlockingError, Blocked  # type: ignore[misc]
    try:
        with guard.blockbuster_ctx([_room(name) for name in ROOMS]) as calls:
            for function in calls.functions.values():
                for file, functions in ALLOWED.items():
                    function.can_block_functions.append((file, functions))
            yield Blocked.noticed
    finally:
        guard.BlockingError = raised  # type: ignore[misc]


def _room(name: str) -> ModuleType:
    """The room as blockbuster takes it, which asks for its place alone."""
    room = ModuleType(name)
    room.__path__ = [str(ROOT / name)]
    return room
