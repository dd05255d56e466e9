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
from functools import partial
from multiprocessing.connection import Connection

import structlog
import uvicorn
from pydantic import SecretStr

from datadir.audit_check import sentences
from datadir.data_folder import DataFolder, DataFolderError, claim
from datadir.errors import StoreError
from graph.app import application
from graph.http.connection import Patience, watch_clocks, with_patience
from graph.http.socket_connection import SocketConnection
from graph.logs import configure_logs
from graph.manifests import known
from graph.orders import Orders, Stopped
from graph.process import (
    Progress,
    addresses,
    administrator_made,
    audit_checked,
    migrated,
    opened,
    pending_changes,
    secret_of,
)
from graph.progress import StartProgress
from graph.settings import Settings, SettingsError
from resolvers.operation import Services

log = structlog.get_logger("studygraph.serving")

YOUNG_OBJECTS = 50_000
"""Containers that are made before the garbage collector looks at them."""
GRACE_SECONDS = 25
"""How long running requests may take to finish once we are told to stop: within thirty seconds all is put away."""
LARGEST_SOCKET_MESSAGE = 256 * 1024
"""Bytes of one message on a WebSocket."""


class Refused(Exception):
    """The server does not start; the message is a sentence."""


def serve_until_stopped(settings: Settings, progress: StartProgress) -> str | None:
    """Serve until a signal; a sentence where the server could not start or had to end."""

    def serve(orders: Orders) -> None:
        # Before any server is started: a manifest that cannot be read must not cost that.
        known(settings.manifests)
        if settings.workers > 1:
            _serve_by_several(settings, progress, orders)
            return
        # The folder first: whoever starts the same thing twice shall read who holds it.
        with _claimed(settings) as folder, _surprises(folder), _listening(settings) as listener:
            # Port 0 is any free one: from here on it has a number.
            with_port = settings.model_copy(update={"port": listener.getsockname()[1]})
            answering = partial(_greet, with_port, progress, folder)
            orders.run(_serve(with_port, folder, listener, progress, orders, answering), _event_loop)

    return _in_words(settings, serve)


def serve_as_one_of_several(
    settings: Settings, listener: socket.socket, progress: Progress, answering: Callable[[], None], over: Connection
) -> str | None:
    """Serve at a port that others serve too, until a signal, or until nobody holds the other end of `over` any more;
    a sentence where the server could not start or had to end. `answering` is called once it answers."""

    def serve(orders: Orders) -> None:
        async def work() -> None:
            loop = asyncio.get_running_loop()

            def alone() -> None:
                loop.remove_reader(over.fileno())
                orders.give()

            loop.add_reader(over.fileno(), alone)
            await _serve(settings, None, listener, progress, orders, answering)

        with _surprises(None):
            orders.run(work(), _event_loop)

    return _in_words(settings, serve)


def _serve_by_several(settings: Settings, progress: StartProgress, orders: Orders) -> None:
    from graph.workers import Team

    if embedded := addresses(settings, "").embedded:
        names = ", ".join(sorted(store.value for store in embedded))
        raise Refused(
            f"STUDYGRAPH_WORKERS is {settings.workers}, and an embedded store serves one process alone: name real "
            f"servers for {names}, or set it to 1."
        )
    with _listening(settings) as listener:
        # Without a data folder each process would make a secret of its own up.
        same = {"port": listener.getsockname()[1], "secret": SecretStr(secret_of(settings, None))}
        ours = settings.model_copy(update=same)
        team = Team(ours, listener, progress, partial(_greet, ours, progress))
        with _surprises(None):
            orders.run(team.work(orders), asyncio.new_event_loop)
    if team.refusal is not None:
        raise Refused(team.refusal)


def migrate_stores(settings: Settings, progress: StartProgress) -> str | None:
    """Open and close the stores, which brings their schemas up to date; a sentence where that fails."""

    def migrate(orders: Orders) -> None:
        with _claimed(settings) as folder, _surprises(folder):
            orders.run(migrated(settings, folder, progress), _event_loop)
        if orders.given:
            raise Refused("Stopped before all stores were up to date: do it again.")

    return _in_words(settings, migrate)


def create_admin(
    settings: Settings, progress: StartProgress, email: str, password: str, name: str | None
) -> str | None:
    """Make an administrator's account; a sentence where that fails."""

    def create(orders: Orders) -> None:
        async def make() -> None:
            problems = await administrator_made(settings, folder, progress, email, password, name)
            if problems:
                raise Refused(" ".join(each.message for each in problems))
            progress.say("There is another administrator now.")

        with _claimed(settings) as folder, _surprises(folder):
            orders.run(make(), _event_loop)
        if orders.given:
            raise Refused("Stopped before the account was made: do it again.")

    return _in_words(settings, create)


def verify_audit(settings: Settings, progress: StartProgress) -> str | None:
    """Say whether the audit log is as it was written; a sentence where it is not."""

    def verify(orders: Orders) -> None:
        async def look() -> None:
            verdict = await audit_checked(settings, folder, progress)
            for sentence in sentences(verdict.broken):
                progress.say(sentence)
            if verdict.broken:
                raise Refused(f"The audit log is not as it was written: {verdict.rows} rows were looked at.")
            if not verdict.rows:
                progress.say("The audit log is empty.")
            else:
                rows = "1 row" if verdict.rows == 1 else f"{verdict.rows} rows"
                progress.say(f"The audit log is whole: {rows}, and a head is kept of row {verdict.kept}.")

        with _claimed(settings) as folder, _surprises(folder):
            orders.run(look(), _event_loop)
        if orders.given:
            raise Refused("Stopped before all rows were looked at.")

    return _in_words(settings, verify)


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
        except (Refused, DataFolderError, SettingsError, StoreError) as error:
            return orders.reason or str(error)
    return orders.reason


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # there is none for this platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(
    settings: Settings,
    folder: DataFolder | None,
    listener: socket.socket,
    progress: Progress,
    orders: Orders,
    answering: Callable[[], None],
) -> None:
    with _pid_file(folder):
        async with opened(settings, folder, progress, orders.end) as services:
            if not orders.given:  # until Python 3.12 asyncio.wait_for may swallow a cancellation
                await _answer(settings, services, listener, orders, answering)


async def _answer(
    settings: Settings, services: Services, listener: socket.socket, orders: Orders, answering: Callable[[], None]
) -> None:
    """Answer requests until told to stop."""
    app = application(settings, nullcontext(services))
    async with app.router.lifespan_context(app):
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=with_patience(Patience(settings.receive_seconds, settings.keep_alive_seconds)),
            ws=SocketConnection,
            ws_max_size=LARGEST_SOCKET_MESSAGE,
            # Its buffers would be most of an idle socket's memory, and few kilobytes explode into many.
            ws_per_message_deflate=False,
            # An address that a header claims is anybody's word, from this machine too.
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = _Server(config, answering, app.stopping)
        _settle_garbage_collection()
        orders.obeyed_by(server.obey)
        clocks = asyncio.create_task(watch_clocks(server.server_state.connections))
        try:
            await server.serve(sockets=[listener])
        finally:
            clocks.cancel()


def _settle_garbage_collection() -> None:
    """What was imported and opened stays until the end: no collection needs to look at it again. And an answer of two
    thousand records is one young generation, not a hundred walks over all answers under way.

    Measured in processor time, answers of 33 kB, 13 ms each: without this a full collection takes 94 ms (the
    slowest answer 108 ms); frozen, none comes (19 ms), nor with the thresholds (17 ms). A young generation that is full
    takes 24 ms, once in hundreds of answers."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)


class _Server(uvicorn.Server):
    """uvicorn, which says when it answers and takes its orders from `Orders` alone."""

    def __init__(self, config: uvicorn.Config, answering: Callable[[], None], stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._answering = answering
        self._stopping = stopping

    def obey(self, given: int) -> None:
        """Stop once running requests are done; with a second order at once."""
        self.should_exit = True
        self._stopping.set()
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


def _greet(settings: Settings, progress: StartProgress, folder: DataFolder | None = None) -> None:
    if folder is not None and folder.notice is not None:
        progress.say(folder.notice)
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
    except (Refused, DataFolderError, SettingsError, StoreError):
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
