"""`python -m graph`: the command line."""

from graph.cli import run

run()
