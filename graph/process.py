"""What does a running process hold? The stores, the embedder, the secrets: opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from datadir.addresses import Addresses
from datadir.audit_check import Verdict, checked
from datadir.data_folder import DataFolder, DataFolderUnusable
from datadir.errors import StoreError, StoreMisconfigured, StoreUnavailable
from datadir.launcher import Launcher
from datadir.letters import FolderLetters, Letters, SmtpLetters
from datadir.migrations.pending import pending
from datadir.names import StoreName
from datadir.qdrant.embedding import Embedder
from datadir.stores import Stores, open_stores
from datadir.tls import PREFIXES, TlsFiles
from graph.settings import SHORTEST_SECRET, Settings
from loaders import sessions
from loaders.accounts import PREAMBLE
from loaders.charges import COUNT
from loaders.cursor import Cursors
from loaders.persisted import FETCH, KEEP
from resolvers import key_rotation, signing_keys
from resolvers.accounts.create_administrator import create_administrator
from resolvers.attempts import Limiter, LogIns
from resolvers.idempotency import Fingerprints
from resolvers.job_kinds import KINDS
from resolvers.jobs import Runner
from resolvers.operation import Services
from resolvers.passwords import Passwords
from resolvers.sessions import SeenSessions
from resolvers.signing_keys import SigningKeys
from resolvers.tokens import Tokens

if TYPE_CHECKING:
    from resolvers.problem import Problem

log = structlog.get_logger("studygraph.process")

ADDRESSES: Final = {
    StoreName.POSTGRESQL: "DATABASE_URL",
    StoreName.REDIS: "REDIS_URL",
    StoreName.MONGODB: "MONGODB_URL",
    StoreName.QDRANT: "QDRANT_HOST",
    StoreName.CASSANDRA: "CASSANDRA_HOST",
    StoreName.KAFKA: "KAFKA_BOOTSTRAP_SERVERS",
    StoreName.MINIO: "S3_ENDPOINT_URL",
}
"""The setting that says where a store is."""


class Progress(Protocol):
    """Shows what takes long."""

    def step(self, name: str) -> None:
        """A step begins; the one before it is done."""

    def share(self, name: str, done: int, total: int) -> None:
        """How far a step is."""


def addresses(settings: Settings, secret: str) -> Addresses:
    """Where the settings say that each store is."""

    def plain(name: str) -> str | None:
        value = getattr(settings, name)
        return value.get_secret_value() if value is not None else None

    def files(store: StoreName) -> TlsFiles:
        field = f"{PREFIXES[store].lower()}_tls"
        return TlsFiles(store, *(getattr(settings, f"{field}_{kind}_file") for kind in ("ca", "cert", "key")))

    return Addresses(
        secret=secret,
        secret_before=plain("secret_before"),
        public_url=settings.base_url,
        database_url=plain("database_url"),
        redis_url=plain("redis_url"),
        mongodb_url=plain("mongodb_url"),
        qdrant_host=settings.qdrant_host,
        qdrant_port=settings.qdrant_port,
        qdrant_api_key=plain("qdrant_api_key"),
        cassandra_host=settings.cassandra_host,
        cassandra_port=settings.cassandra_port,
        cassandra_username=settings.cassandra_username,
        cassandra_password=plain("cassandra_password"),
        cassandra_datacenter=settings.cassandra_datacenter,
        kafka_bootstrap_servers=settings.kafka_bootstrap_servers,
        kafka_username=settings.kafka_username,
        kafka_password=plain("kafka_password"),
        kafka_sasl_mechanism=settings.kafka_sasl_mechanism,
        s3_endpoint_url=settings.s3_endpoint_url,
        s3_bucket=settings.s3_bucket,
        s3_access_key=plain("aws_access_key_id"),
        s3_secret_key=plain("aws_secret_access_key"),
        s3_region=settings.aws_region,
        read_deadline=settings.store_deadline_ms / 1000,
        tls={store: files(store) for store in StoreName},
    )


def secret_of(settings: Settings, folder: DataFolder | None) -> str:
    """The process's secret: the setting, or in development one that the data folder keeps."""
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    if folder is None:
        return secrets.token_urlsafe(48)
    kept = folder.path / "secret"
    if not kept.exists():
        _write_private(kept, secrets.token_urlsafe(48))
    secret = kept.read_text(encoding="ascii", errors="replace").strip()
    if len(secret) < SHORTEST_SECRET:
        raise DataFolderUnusable(f"{kept} is damaged: bring it back, or remove the whole data folder and begin anew.")
    return secret


def _write_private(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


@asynccontextmanager
async def opened(
    settings: Settings,
    folder: DataFolder | None,
    progress: Progress,
    died: Callable[[str], None] = lambda sentence: None,
) -> AsyncIterator[Services]:
    """Open everything; `died` is told when an embedded server ends by itself and cannot be brought back. Raises
    StoreMisconfigured."""
    secret = secret_of(settings, folder)
    where = addresses(settings, secret)
    async with AsyncExitStack() as stack:
        stores, launcher = await _stores(where, stack, folder, progress)
        await stores.redis.load([PREAMBLE, COUNT, FETCH, KEEP, *sessions.SCRIPTS])
        await key_rotation.begin(stores)
        embedder = Embedder()
        stack.push_async_callback(embedder.close)
        passwords = Passwords()
        stack.callback(passwords.close)
        seen = SeenSessions() if settings.sessions_when_down == "grace" else None
        services = Services(
            stores,
            embedder,
            Cursors(secret),
            Tokens(secret, keys=_keys(settings, secret)),
            passwords,
            seen,
            letters=_letters(settings),
            reset_url=settings.reset_url,
            limiter=Limiter(LogIns(settings.log_ins_per_account, settings.log_ins_per_peer, settings.log_ins_in_total)),
            fingerprints=Fingerprints(secret, where.secret_before),
        )
        stack.callback(services.pictures.close)
        if launcher is not None:
            await stack.enter_async_context(_background(_watch(launcher, died)))
        if settings.demo:
            await _seed(services, progress, settings)
        await stack.enter_async_context(_background(_index(services, settings)))
        await stack.enter_async_context(_background(stores.events.publish_until(asyncio.Event())))
        await stack.enter_async_context(_background(Runner(services, KINDS).run_until(asyncio.Event())))
        yield services


def _keys(settings: Settings, secret: str) -> SigningKeys:
    """What signs and checks tokens. The settings have seen to it that a folder's keys are good."""
    if settings.token_keys_dir is not None:
        return signing_keys.of_folder(settings.token_keys_dir)
    before = settings.secret_before.get_secret_value() if settings.secret_before is not None else None
    return signing_keys.of_secret(secret, before)


def _letters(settings: Settings) -> Letters | None:
    """Who takes letters; nobody in production without a setting, which is said once."""
    if settings.smtp_url is not None:
        return SmtpLetters(settings.smtp_url.get_secret_value(), settings.mail_from)
    if settings.production:
        log.warning("no letters leave", reason="STUDYGRAPH_SMTP_URL is not set: nobody can reset a password")
        return None
    return FolderLetters(settings.data_dir / "mail", settings.mail_from)


async def administrator_made(
    settings: Settings, folder: DataFolder | None, progress: Progress, email: str, password: str, name: str | None
) -> tuple[Problem, ...]:
    """Open the stores, make an administrator's account, and close them; what is wrong with it, where something is.
    Raises StoreMisconfigured."""
    async with AsyncExitStack() as stack:
        stores, _ = await _stores(addresses(settings, secret_of(settings, folder)), stack, folder, progress)
        progress.step("making the account")
        passwords = Passwords()
        stack.callback(passwords.close)
        return await create_administrator(stores, passwords, email, password, name)


async def migrated(settings: Settings, folder: DataFolder | None, progress: Progress) -> None:
    """Open the stores, which brings their schemas up to date, and close them. Raises StoreMisconfigured."""
    async with AsyncExitStack() as stack:
        await _stores(addresses(settings, secret_of(settings, folder)), stack, folder, progress)


async def audit_checked(settings: Settings, folder: DataFolder | None, progress: Progress) -> Verdict:
    """Whether the audit log is as it was written; nothing is changed. Raises StoreMisconfigured, StoreUnavailable."""
    where = addresses(settings, secret_of(settings, folder))

    def report(done: int, total: int) -> None:
        progress.share("rows", done, total)

    async with AsyncExitStack() as stack:
        launcher = None
        if folder is not None:
            launcher = await stack.enter_async_context(Launcher(folder, progress.step))
        with _unanswered(where):
            return await checked(where, folder=folder, launcher=launcher, step=progress.step, report=report)


async def pending_changes(
    settings: Settings, folder: DataFolder | None, progress: Progress
) -> dict[StoreName, list[str]]:
    """What a start would change in each store; nothing is changed. Raises StoreMisconfigured."""
    where = addresses(settings, "")
    async with AsyncExitStack() as stack:
        launcher = None
        if folder is not None:
            launcher = await stack.enter_async_context(Launcher(folder, progress.step))
        with _unanswered(where):
            return await pending(where, folder=folder, launcher=launcher, report=progress.step)


async def _stores(
    where: Addresses, stack: AsyncExitStack, folder: DataFolder | None, progress: Progress
) -> tuple[Stores, Launcher | None]:
    """The open stores, and who started the embedded ones; `stack` closes both."""
    launcher = None
    if folder is not None:
        launcher = await stack.enter_async_context(Launcher(folder, progress.step))
    with _unanswered(where):
        stores = await open_stores(where, stack, folder=folder, launcher=launcher, report=progress.step)
    return stores, launcher


@contextmanager
def _unanswered(where: Addresses) -> Iterator[None]:
    """A server that does not answer, said with the setting that names it."""
    try:
        yield
    except StoreUnavailable as error:
        if error.store in where.embedded:
            raise
        # What follows in brackets is about the driver's own timeouts and topologies.
        reason = str(error.__cause__ or error).partition(" (")[0].rstrip(".")
        raise StoreMisconfigured(
            error.store, f"{ADDRESSES[error.store]} names a server that does not answer: {reason}."
        ) from error


async def _seed(services: Services, progress: Progress, settings: Settings) -> None:
    """Write the demo school, once; a first start that was cut off goes on where it was, with its own dates."""
    from resolvers.demo import seeding
    from resolvers.demo.school import School

    if await seeding.is_seeded(services.stores):
        return
    progress.step("writing the demo school")
    now = await seeding.first_now(services.stores) or settings.demo_now or services.now()
    await seeding.seed(services.stores, School(now, settings.demo_size), progress.share)


@asynccontextmanager
async def _background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """`work` goes on meanwhile. Its failure is logged when it happens, and never disturbs the closing of the stores."""

    async def logged() -> None:
        try:
            await work
        except Exception:
            log.exception("background work ended", work=task.get_name())

    task = asyncio.create_task(logged(), name=getattr(work, "__qualname__", "work"))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        # Where the end came before the beginning, nobody has awaited it.
        work.close()


async def _watch(launcher: Launcher, died: Callable[[str], None]) -> None:
    def revived(sentence: str) -> None:
        log.warning("embedded server started again", reason=sentence)

    died(await launcher.keep_alive(revived))


def _import_what_waits(settings: Settings) -> None:
    """What the start did not wait for, before the first question or page has to."""
    import_module("datadir.qdrant.models")
    # What counts while Redis is away: that moment has enough to do.
    import_module("limits.aio.strategies")
    if settings.demo:
        from graph.explorer.tabs import explorer

        explorer(settings)


async def _index(services: Services, settings: Settings) -> None:
    """Load the model, then embed what demo documents still wait, telling `stores` how far it is."""
    stores: Stores = services.stores
    try:
        await asyncio.to_thread(_import_what_waits, settings)
        await services.embedder.warm()
        if settings.demo:
            from resolvers.demo.indexing import index_documents

            def progress(done: int, total: int) -> None:
                if done < total:
                    stores.progress[StoreName.QDRANT] = done * 100 // total
                else:
                    stores.progress.pop(StoreName.QDRANT, None)

            await index_documents(stores, services.embedder, progress)
        services.indexed.set()
    except StoreError as error:
        log.warning("indexing stopped", store=error.store.value, reason=str(error))
