"""How do the pools of four servers fit into one embedded PostgreSQL? `python -m graph`, with room for all of them.

Its own 60 connections are meant for one server, whose pool takes up to 30. Nothing else is changed.
"""

from __future__ import annotations

import runpy

from datadir.postgresql import embedded

if __name__ == "__main__":
    embedded._SETTINGS["max_connections"] = "160"
    runpy.run_module("graph", run_name="__main__", alter_sys=True)
