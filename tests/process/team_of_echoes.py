"""A team whose workers open no stores: each answers with its process id. Arguments: how many, and whether one fails."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from functools import partial
from multiprocessing.connection import Connection

from graph.orders import Orders
from graph.progress import StartProgress
from graph.settings import Settings
from graph.workers import Team


def echo(settings: Settings, listener: socket.socket, pipe: Connection) -> None:
    """A worker that says who it is to everybody who connects."""
    listener.listen()
    pipe.send(("answers",))
    while True:
        client, _ = listener.accept()
        client.sendall(f"{os.getpid()}\n".encode())
        client.close()


def refusing(settings: Settings, listener: socket.socket, pipe: Connection) -> None:
    """A worker that cannot start."""
    pipe.send(("refused", "There is no store."))
    sys.exit(1)


def main() -> None:
    """Run the team until a signal."""
    life = refusing if sys.argv[2:] == ["refusing"] else echo
    with socket.socket() as listener, StartProgress() as progress, Orders() as orders:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        settings = Settings(workers=int(sys.argv[1]))
        team = Team(settings, listener, progress, partial(progress.say, f"at {port}"), life)
        orders.run(team.work(orders), asyncio.new_event_loop)
    sys.exit(team.refusal)


if __name__ == "__main__":
    main()
