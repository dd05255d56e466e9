"""How does a letter leave? By SMTP; in development into a folder, where whoever tries things out reads it.

Not a store, but another server that is reached from here: nothing above knows how.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aiosmtplib

PORTS: Final = {"smtp": 587, "smtps": 465}
"""The port of each kind of address, where it names none."""
DEADLINE: Final = 20.0
"""Seconds for one letter, from the connection to the server's yes."""


class Letter(NamedTuple):
    """A letter in plain text; `at` is when it was written."""

    to: str
    subject: str
    text: str
    at: datetime


class LetterNotSent(Exception):
    """The server did not take the letter: try again later."""


class Letters(Protocol):
    """Whoever takes letters."""

    async def send(self, letter: Letter) -> None:
        """Let a letter leave. Raises LetterNotSent."""


class SmtpLetters:
    """Letters by SMTP: `smtps://` with TLS from the first byte, `smtp://` with STARTTLS. Neither sends a letter, or the
    password, over a connection that is not encrypted, unless the address says `?tls=off`."""

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError("not an address of an SMTP server")
        plain = parts.query == "tls=off"
        self._server = {
            "hostname": parts.hostname,
            "port": parts.port or PORTS[parts.scheme],
            "use_tls": parts.scheme == "smtps",
            "start_tls": parts.scheme == "smtp" and not plain,
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
        }
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        """Let a letter leave. Raises LetterNotSent."""
        try:
            await aiosmtplib.send(message(letter, self._sender), timeout=DEADLINE, **self._server)  # type: ignore[arg-type]
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as failure:
            raise LetterNotSent(type(failure).__name__) from failure


class FolderLetters:
    """Letters as files, one each, named by when they were written; only the owner reads them."""

    def __init__(self, folder: Path, sender: str) -> None:
        self.folder = folder
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        """Write a letter down. Raises LetterNotSent."""
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as failure:
            raise LetterNotSent(type(failure).__name__) from failure

    def _write(self, letter: Letter) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{letter.at:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}.eml"
        draft = self.folder / f".{name}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(message(letter, self._sender).as_bytes())
        # Whoever watches the folder finds whole letters only.
        draft.rename(self.folder / name)


def message(letter: Letter, sender: str) -> EmailMessage:
    """The letter as it travels. ValueError where an address or the subject holds a line break."""
    found = EmailMessage()
    found["From"] = sender
    found["To"] = letter.to
    found["Subject"] = letter.subject
    found["Date"] = format_datetime(letter.at)
    found["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or "localhost")
    # Nobody answers a program, and no other program should.
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(letter.text)
    return found
