"""Whose is the data folder while the program runs, and where in it does each store rest?

DataFolderError          a sentence for whoever starts the program
├── DataFolderHeld       another process works on it
└── DataFolderUnusable   not a folder, not writable, full, or somebody else's

One process holds a data folder, by a lock that the kernel drops with the process (`flock` on `DATA/lock`). Modes of
folders that were here before us are never changed. PostgreSQL refuses to run as root, so under root its files belong
to another account; where that account cannot reach the data folder (a mode-0700 home of root), they lie below
`ELSEWHERE` and a link in the data folder says so.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from datadir import orphans

ELSEWHERE = Path("/var/lib/studygraph")
LEAST_FREE_BYTES = 128 * 1024 * 1024
# A socket's whole path has to stay below 104 bytes on macOS, 108 on Linux.
LONGEST_RUN_DIR = 60


class DataFolderError(Exception):
    """The data folder cannot be used; the message is a sentence for whoever starts the program."""


class DataFolderHeld(DataFolderError):
    """Another process holds the data folder."""


class DataFolderUnusable(DataFolderError):
    """Not a folder, not writable, full, or somebody else's."""


class Account(NamedTuple):
    """An account of this machine."""

    name: str
    uid: int
    gid: int


class DataFolder:
    """A data folder that this process holds until `release()`.

    `path` is absolute. `run_dir` is a private folder with a short path for unix sockets, empty at first.
    `service_user` is the account for programs that refuse root, None when we are not root.
    """

    def __init__(self, path: Path, lock: int, run_dir: Path, service_user: Account | None) -> None:
        self.path = path
        self.run_dir = run_dir
        self.service_user = service_user
        self._lock: int | None = lock
        self._notices: list[str] = []

    @property
    def notice(self) -> str | None:
        """Where data and programs lie when not where one would look, in sentences; None when nothing is odd.

        Complete once the stores have started.
        """
        return " ".join(self._notices) or None

    def notify(self, sentence: str) -> None:
        """Add a sentence to `notice`."""
        self._notices.append(sentence)

    def storage(self, name: str, *, as_service_user: bool = False) -> Path:
        """The private folder for one store's files, made when missing: `path/name`.

        With `as_service_user` (and as root) it belongs to the service user, and lies below `ELSEWHERE` when that
        account cannot reach the data folder. Raises DataFolderUnusable.
        """
        folder = self.path / name
        account = self.service_user if as_service_user else None
        with _sentences(folder):
            if folder.is_symlink() and not folder.exists():
                raise DataFolderUnusable(
                    f"The data folder {self.path} keeps {name} in {os.readlink(folder)}, which is gone: bring it back, "
                    "or choose another data folder with DATA=..."
                )
            if account is None:
                folder.mkdir(mode=0o700, exist_ok=True)
                return folder.resolve()
            if not folder.exists():
                self._make_for(account, folder)
            place = folder.resolve()
            if place.stat().st_uid != account.uid or not reachable(place, account):
                raise DataFolderUnusable(
                    f"{place} must belong to the account {account.name} and be reachable for it: give it back "
                    f"(chown -R {account.name} {shlex.quote(str(place))}) or choose another data folder with DATA=..."
                )
            if place != folder:
                self.notify(f"The account {account.name} cannot reach {self.path}, so {name} lies in {place}.")
            return place

    def socket_dir(self, name: str, *, as_service_user: bool = False) -> Path:
        """A fresh private folder for one store's sockets, below `run_dir`."""
        folder = self.run_dir / name
        with _sentences(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            if as_service_user and self.service_user:
                os.chown(folder, self.service_user.uid, self.service_user.gid)
        return folder

    def _make_for(self, account: Account, folder: Path) -> None:
        if reachable(self.path, account):
            folder.mkdir(mode=0o700)
            os.chown(folder, account.uid, account.gid)
            return
        with _sentences(ELSEWHERE):
            ELSEWHERE.mkdir(mode=0o711, parents=True, exist_ok=True)
            # A new name each time: a data folder that was removed must not find its old rows here.
            place = Path(tempfile.mkdtemp(prefix=f"{_short_hash(self.path)}-", dir=ELSEWHERE)) / folder.name
            place.parent.chmod(0o711)
            place.mkdir(mode=0o700)
            os.chown(place, account.uid, account.gid)
        folder.symlink_to(place)

    def release(self) -> None:
        """Let the data folder go; call it after the stores have stopped."""
        if self._lock is None:
            return
        shutil.rmtree(self.run_dir, ignore_errors=True)
        os.ftruncate(self._lock, 0)
        os.close(self._lock)
        self._lock = None

    def __enter__(self) -> DataFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def claim(path: Path) -> DataFolder:
    """Make the folder when missing, take its lock, and wait until no process of the last run is left in it.

    Raises DataFolderHeld or DataFolderUnusable, each with a sentence.
    """
    path = Path(os.path.abspath(path.expanduser()))
    with _sentences(path):
        _make(path)
        path = path.resolve()
        lock = _take(path)
    try:
        with _sentences(path):
            tempfile.TemporaryFile(dir=path).close()
            free = shutil.disk_usage(path).free
            if free < LEAST_FREE_BYTES:
                raise DataFolderUnusable(
                    f"There is no space for the data folder {path}: {free // 2**20} MB are free, "
                    f"{LEAST_FREE_BYTES // 2**20} MB are needed. Choose another with DATA=..."
                )
            orphans.end_all(path)
            account = _service_user(path)
            return DataFolder(path, lock, _run_dir(path, account), account)
    except BaseException:
        os.close(lock)
        raise


def reachable(path: Path, account: Account) -> bool:
    """Whether the modes of `path` and of every folder above it let `account` read and enter (ACLs are not asked)."""
    for step in (path, *path.parents):
        status = step.stat()
        granted = status.st_mode >> (6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0)
        if not granted & 0o1 or (step.is_file() and not granted & 0o4):
            return False
    return True


def _make(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise DataFolderUnusable(f"{path} is not a folder, choose another with DATA=...")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    if os.geteuid() == 0:
        path.chmod(0o711)  # the service user enters its own folder in here, and lists nothing


def _take(path: Path) -> int:
    """The locked descriptor of `path/lock`, which names us."""
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except PermissionError:
        _refuse_foreign(path, path / "lock")
        raise
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderHeld(_held(path, os.pread(lock, 4096, 0).decode(errors="replace"))) from None
        _refuse_foreign(path, path / "lock")
        words = [Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]]
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n{shlex.join(words)}\n".encode(errors="replace"), 0)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _held(path: Path, holder: str) -> str:
    pid, _, command = holder.strip().partition("\n")
    who = f"process {pid} ({command[:120]})" if pid else "another process"
    return f"The data folder {path} is in use by {who}, stop it or choose another with DATA=..."


def _refuse_foreign(path: Path, lock: Path) -> None:
    """The lock belongs to the account that made the folder; with two accounts' files in it, either is locked out."""
    if not lock.exists() or (owner := lock.stat().st_uid) == os.geteuid():
        return
    name = _name_of(owner)
    raise DataFolderUnusable(
        f"The data folder {path} belongs to {name}: start the program as {name}, or choose another with DATA=..."
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _service_user(path: Path) -> Account | None:
    """The account that owns a store's folder here already, else postgres, else nobody; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for folder in sorted(path.iterdir()):
        if folder.is_dir() and (status := folder.stat()).st_uid != 0:
            return Account(_name_of(status.st_uid), status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    return Account("nobody", 65534, 65534)


def _run_dir(path: Path, account: Account | None) -> Path:
    """An empty private folder whose name follows from the data folder's, so that a restart finds the stale one.

    Not below XDG_RUNTIME_DIR: that is removed when its user logs out, under a server that goes on.
    """
    name = f"studygraph-{os.geteuid()}-{_short_hash(path)}"
    parents = [Path("/run")] if account else []
    for parent in (*parents, Path("/tmp"), Path(tempfile.gettempdir())):
        folder = parent / name
        if len(os.fsencode(folder)) > LONGEST_RUN_DIR or not parent.is_dir() or not os.access(parent, os.W_OK):
            continue
        if account and not reachable(parent, account):
            continue
        if folder.is_symlink() or (folder.exists() and folder.stat().st_uid != os.geteuid()):
            raise DataFolderUnusable(
                f"{folder}, where the sockets of the data folder {path} go, is not ours: have it removed."
            )
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, 0, account.gid)
            folder.chmod(0o710)
        return folder
    raise DataFolderUnusable("Neither /tmp nor TMPDIR takes a folder for sockets: name a short writable one in TMPDIR.")


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """The operating system's refusals, in words."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = "there is no space left"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = f"{where} is not writable for {_name_of(os.geteuid())}"
        elif error.errno in (errno.ENOTDIR, errno.EEXIST):
            reason = f"{where} is not a folder"
        else:
            reason = f"{where}: {error.strerror}"
        raise DataFolderUnusable(
            f"The data folder {path} cannot be used: {reason}. Choose another with DATA=..."
        ) from error
