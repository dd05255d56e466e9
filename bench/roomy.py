"""How do four servers fit into one small machine? `python -m graph` with more connections to the embedded PostgreSQL.

Its 60 are meant for one server, whose pool takes up to 30.
"""

from __future__ import annotations

import runpy
from typing import Final

from datadir.postgresql import embedded as postgresql

CONNECTIONS: Final = 160


def widen() -> None:
    """Make room, before a server starts."""
    # It may not have been renamed.
    assert "max_connections" in postgresql._SETTINGS
    postgresql._SETTINGS["max_connections"] = str(CONNECTIONS)


def main() -> None:
    """Serve, as the command line says."""
    widen()
    runpy.run_module("graph", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
