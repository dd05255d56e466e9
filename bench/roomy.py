"""How do four servers fit into one small machine? `python -m graph` with two limits of its stores out of the way.

The embedded PostgreSQL's 60 connections are meant for one server, whose pool takes up to 30. And a worker that 32
connections keep busy comes late to answers that have long been there, which Redis' deadline takes for Redis' fault.
"""

from __future__ import annotations

import runpy
from typing import Final

from datadir.postgresql import embedded
from datadir.redis import client

PATIENCE: Final = 60.0

if __name__ == "__main__":
    embedded._SETTINGS["max_connections"] = "160"
    client.DEADLINE = PATIENCE
    runpy.run_module("graph", run_name="__main__", alter_sys=True)
