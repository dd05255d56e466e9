"""`python -m graph`: the command line."""

import os
import signal
import sys


def _go(number: int, frame: object) -> None:
    """Nothing is open yet: no need for a traceback, nor for an ending. To end a server when told to is no failure."""
    if os.isatty(2):
        os.write(2, b"\r\x1b[K\x1b[?25h")  # a bar that was showing: its line goes, the cursor comes back
    os._exit(0 if sys.argv[1:2] == ["serve"] else 128 + number)


# Before anything is imported, which takes a second or two, in which people press Ctrl-C too.
for _number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, _go)

from graph.cli import run  # noqa: E402

run()
