"""Fetch the servers that no package carries: `python -m tests.servers`; `pin` writes `pinned.json` anew."""

from __future__ import annotations

import sys
from functools import partial
from subprocess import CalledProcessError

from graph.progress import StartProgress
from tests.servers import fetching, pinned
from tests.servers.server import Absent


def main() -> int:
    """0 also where a tool is missing: then that server's tests are skipped and say so."""
    if sys.argv[1:] == ["pin"]:
        fetching.pin_all()
        return 0
    with StartProgress() as progress:
        for name, fetch in (
            ("cassandra", partial(fetching.jars, "cassandra")),
            ("kafka", partial(fetching.jars, "kafka")),
            ("versitygw", partial(fetching.built, "versitygw")),
        ):
            progress.step(f"fetching {name}")
            try:
                fetch(progress.share)
            except Absent as absent:
                progress.say(f"{name} will not be tested on: {absent}.")
            except CalledProcessError as failed:
                progress.say(f"{name} could not be fetched:\n{failed.output}")
                return 1
            except pinned.OtherBytes as other:
                progress.say(f"{other}.")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
