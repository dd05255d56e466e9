"""How does the server start, run and end? Data folder, port, stores, uvicorn; every failure is one sentence."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress

import structlog
import uvicorn

from datadir.data_folder import DataFolder, DataFolderError, claim
from datadir.errors import StoreError
from graph.app import application
from graph.logs import configure_logs
from graph.orders import Orders, Stopped
from graph.progress import StartProgress
from graph.services import addresses, migrated, opened, pending_changes
from graph.settings import Settings
from resolvers.operation import Services

log = structlog.get_logger("studygraph.serving")

YOUNG_OBJECTS = 50_000
"""Containers that are made before the garbage collector looks at them."""
GRACE_SECONDS = 30
"""How long running requests may take to finish once we are told to stop."""


class Refused(Exception):
    """The server does not start; the message is a sentence."""


def serve_until_stopped(settings: Settings, progress: StartProgress) -> str | None:
    """Serve until a signal; a sentence where the server could not start or had to end."""

    def serve(orders: Orders) -> None:
        # The folder first: whoever starts the same thing twice shall read who holds it.
        with _claimed(settings) as folder, _surprises(folder), _listening(settings) as listener:
            # Port 0 is any free one: from here on it has a number.
            with_port = settings.model_copy(update={"port": listener.getsockname()[1]})
            orders.run(_serve(with_port, folder, listener, progress, orders), _event_loop)

    return _in_words(settings, serve)


def migrate_stores(settings: Settings, progress: StartProgress) -> str | None:
    """Open and close the stores, which brings their schemas up to date; a sentence where that fails."""

    def migrate(orders: Orders) -> None:
        with _claimed(settings) as folder, _surprises(folder):
            orders.run(migrated(settings, folder, progress), _event_loop)
        if orders.given:
            raise Refused("Stopped before all stores were up to date: do it again.")

    return _in_words(settings, migrate)


def check_stores(settings: Settings, progress: StartProgress) -> str | None:
    """Say store by store what a start would change, and change nothing; a sentence where that is something."""

    def check(orders: Orders) -> None:
        async def look() -> None:
            found = await pending_changes(settings, folder, progress)
            for store, changes in found.items():
                for change in changes:
                    progress.say(f"{store.value}: {change}")
            if any(found.values()):
                count = sum(map(len, found.values()))
                what = "1 change is" if count == 1 else f"{count} changes are"
                raise Refused(f"{what} pending: `python -m graph migrate` makes them, and so does a start.")
            progress.say("Every store is up to date.")

        with _claimed(settings) as folder, _surprises(folder):
            orders.run(look(), _event_loop)

    return _in_words(settings, check)


def _in_words(settings: Settings, work: Callable[[Orders], None]) -> str | None:
    """What went wrong in `work`, as a sentence."""
    configure_logs(settings)
    with Orders() as orders:
        try:
            work(orders)
        except Stopped:
            pass
        except (Refused, DataFolderError, StoreError) as error:
            return orders.reason or str(error)
    return orders.reason


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # there is none for this platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(
    settings: Settings, folder: DataFolder | None, listener: socket.socket, progress: StartProgress, orders: Orders
) -> None:
    with _pid_file(folder):
        async with opened(settings, folder, progress, orders.end) as services:
            if folder is not None and folder.notice is not None:
                progress.say(folder.notice)
            if not orders.given:  # until Python 3.12 asyncio.wait_for may swallow a cancellation
                await _answer(settings, services, listener, progress, orders)


async def _answer(
    settings: Settings, services: Services, listener: socket.socket, progress: StartProgress, orders: Orders
) -> None:
    """Answer requests until told to stop."""
    app = application(settings, nullcontext(services))
    async with app.router.lifespan_context(app):
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http="httptools",
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = _Server(config, lambda: _greet(settings, progress))
        _settle_garbage_collection()
        orders.obeyed_by(server.obey)
        await server.serve(sockets=[listener])


def _settle_garbage_collection() -> None:
    """What was imported and opened stays until the end: no collection needs to look at it again. And an answer of two
    thousand records is one young generation, not a hundred walks over all answers under way."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)


class _Server(uvicorn.Server):
    """uvicorn, which says when it answers and takes its orders from `Orders` alone."""

    def __init__(self, config: uvicorn.Config, answering: Callable[[], None]) -> None:
        super().__init__(config)
        self._answering = answering

    def obey(self, given: int) -> None:
        """Stop once running requests are done; with a second order at once."""
        self.should_exit = True
        if given > 1:
            self.force_exit = True
            for connection in list(self.server_state.connections):
                connection.transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        try:
            # Two starts may bind one port, but only one of them can listen. uvloop would say so to nobody.
            for listener in sockets or ():
                listener.listen(self.config.backlog)
        except OSError as error:
            raise _no_port(self.config.host, self.config.port, error) from None
        await super().startup(sockets)
        self._answering()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: uvicorn's own would end the process by the signal, before the data folder is given back."""
        yield


def _greet(settings: Settings, progress: StartProgress) -> None:
    progress.say(f"StudyGraph answers at {settings.base_url}/graphql")
    if settings.demo:
        from graph.explorer.tabs import demo_hints

        hints = demo_hints(settings.demo_size)
        progress.say(f"Demo accounts: {', '.join(hints.accounts.values())}; password: {hints.password}")


@contextmanager
def _claimed(settings: Settings) -> Iterator[DataFolder | None]:
    if not addresses(settings, "").embedded:
        yield None
        return
    with claim(settings.data_dir) as folder:
        yield folder


@contextmanager
def _pid_file(folder: DataFolder | None) -> Iterator[None]:
    """`DATA/server.pid` while we run."""
    if folder is None:
        yield
        return
    file = folder.path / "server.pid"
    draft = file.with_suffix(".pid.new")
    draft.write_text(f"{os.getpid()}\n", encoding="ascii")
    draft.replace(file)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()


@contextmanager
def _surprises(folder: DataFolder | None) -> Iterator[None]:
    """What nobody foresaw, as a sentence, with its traceback where an engineer looks."""
    try:
        yield
    except (Refused, DataFolderError, StoreError):
        raise
    except Exception as error:
        if folder is not None and not folder.path.exists():
            raise Refused(f"The data folder {folder.path} was removed while the program worked on it.") from error
        what = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
        raise Refused(f"Something went wrong that nobody foresaw ({what}){_kept(folder, error)}.") from error


def _kept(folder: DataFolder | None, error: Exception) -> str:
    """Write the traceback down; where, as the end of a sentence."""
    if folder is not None:
        where = folder.path / "logs" / "server.log"
        with suppress(OSError), where.open("a", encoding="utf-8") as file:
            file.writelines(traceback.format_exception(error))
            return f": see {where}"
    log.error("surprise", exc_info=error)
    return ""


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The port, before any server is started: a busy one must not cost that."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise _no_port(settings.host, settings.port, error) from None
        yield listener


def _no_port(host: str, port: int, error: OSError) -> Refused:
    if error.errno == errno.EADDRINUSE:
        return Refused(
            f"Port {port} on {host} is in use: stop what listens there, or choose another with PORT=... "
            f"(STUDYGRAPH_PORT)."
        )
    return Refused(f"Cannot listen on {host}:{port}: {error.strerror or error}.")
