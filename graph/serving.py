"""How does the server start, run and end? Data folder, port, stores, uvicorn; every failure is one sentence."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from datadir.data_folder import DataFolder, DataFolderError, claim
from datadir.errors import StoreError
from graph.app import application
from graph.logs import configure_logs
from graph.progress import StartProgress
from graph.services import addresses, opened
from graph.settings import Settings


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # there is none for this platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class _Refused(Exception):
    """The server does not start; the message is a sentence."""


def serve_until_stopped(settings: Settings) -> str | None:
    """Serve until a signal; a sentence where the server could not start or had to end."""
    configure_logs(settings)
    try:
        # The port first: a busy one must not cost the start of three servers.
        with (
            _listening(settings) as listener,
            _claimed(settings) as folder,
            asyncio.Runner(loop_factory=_event_loop) as runner,
        ):
            return runner.run(_serve(settings, folder, listener))
    except (_Refused, DataFolderError, StoreError) as error:
        return str(error)
    except KeyboardInterrupt:
        return None


def migrate_stores(settings: Settings) -> str | None:
    """Open and close the stores, which brings their schemas up to date; a sentence where that fails."""
    configure_logs(settings)

    async def once(folder: DataFolder | None) -> None:
        with StartProgress() as progress:
            async with opened(settings, folder, progress):
                pass

    try:
        with _claimed(settings) as folder:
            asyncio.run(once(folder))
    except (_Refused, DataFolderError, StoreError) as error:
        return str(error)
    return None


class _Server(uvicorn.Server):
    """uvicorn, told when an embedded server ends by itself.

    A signal is an order to stop, carried out: it is not raised once more after the stop, which would end the process
    before the data folder is given back."""

    died: str | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM, at once on a second one."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def end(self, sentence: str) -> None:
        """Stop, and remember why."""
        self.died = sentence
        self.should_exit = True


async def _serve(settings: Settings, folder: DataFolder | None, listener: socket.socket) -> str | None:
    failure: list[BaseException] = []
    with StartProgress() as progress:

        class Opening:
            """The services as the application's lifespan opens them; keeps the reason when they do not open."""

            async def __aenter__(self) -> object:
                self.context = opened(settings, folder, progress, server.end)
                try:
                    services = await self.context.__aenter__()
                except BaseException as error:
                    failure.append(error)
                    raise
                progress.step(f"serving {settings.base_url}/graphql")
                return services

            async def __aexit__(self, *error: object) -> None:
                await self.context.__aexit__(None, None, None)

        config = uvicorn.Config(
            application(settings, Opening()),  # type: ignore[arg-type]
            http="httptools",
            ws="websockets-sansio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=30,
        )
        server = _Server(config)
        if folder is not None:
            (folder.path / "server.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
        try:
            await server.serve(sockets=[listener])
        finally:
            if folder is not None:
                with suppress(OSError):
                    (folder.path / "server.pid").unlink()
    if failure and not isinstance(failure[0], asyncio.CancelledError):
        raise failure[0]
    return server.died


@contextmanager
def _claimed(settings: Settings) -> Iterator[DataFolder | None]:
    if not addresses(settings, "").embedded:
        yield None
        return
    with claim(settings.data_dir) as folder:
        yield folder


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _Refused(
                    f"Port {settings.port} on {settings.host} is in use: stop what listens there, or choose another "
                    f"with PORT=... (STUDYGRAPH_PORT)."
                ) from None
            raise _Refused(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}.") from None
        except OverflowError:
            raise _Refused(f"{settings.port} is no port.") from None
        yield listener
    finally:
        listener.close()
