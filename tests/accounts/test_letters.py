"""How does a letter leave? By SMTP, encrypted unless somebody says otherwise; or into a folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from datadir.letters import FolderLetters, Letter, LetterNotSent, SmtpLetters, message

AT: Final = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LETTER: Final = Letter("ada@demo.school", "Another password", "The token\n\nabc\n", AT)
SENDER: Final = "The School <no-reply@demo.school>"


class Server:
    """An SMTP server of a few words; `says` is how it answers some of them."""

    def __init__(self, **says: str) -> None:
        self.says = says
        self.heard: list[str] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 school\r\n")
        letter = False
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            self.heard.append(text)
            if letter:
                letter = text != "."
                if letter:
                    continue
                writer.write(b"250 taken\r\n")
                continue
            word = text.split(" ")[0].split(":")[0].upper()
            letter = word == "DATA" and "DATA" not in self.says
            default = {"DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 fine")
            writer.write(f"{self.says.get(word, default)}\r\n".encode())
            if word == "QUIT":
                break
        writer.close()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """A server without TLS."""
    server = Server()
    async with await asyncio.start_server(server.talk, "127.0.0.1", 0) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


async def test_a_letter_is_taken_by_a_server(server: Server) -> None:
    await SmtpLetters(f"smtp://127.0.0.1:{server.port}?tls=off", SENDER).send(LETTER)
    assert "MAIL FROM:<no-reply@demo.school>" in " ".join(server.heard)
    assert any(each.startswith("RCPT TO:<ada@demo.school>") for each in server.heard)
    assert "Subject: Another password" in server.heard
    assert "abc" in server.heard


async def test_nothing_is_said_to_a_server_that_cannot_encrypt(server: Server) -> None:
    with pytest.raises(LetterNotSent):
        await SmtpLetters(f"smtp://ada:secret@127.0.0.1:{server.port}", SENDER).send(LETTER)
    assert not any("ada" in each or "secret" in each or "abc" in each for each in server.heard)


@pytest.mark.parametrize("says", [{"RCPT": "550 nobody here"}, {"MAIL": "451 later"}, {"DATA": "554 no"}])
async def test_what_a_server_does_not_take_is_to_be_tried_again(server: Server, says: dict[str, str]) -> None:
    server.says = says
    with pytest.raises(LetterNotSent):
        await SmtpLetters(f"smtp://127.0.0.1:{server.port}?tls=off", SENDER).send(LETTER)


async def test_so_is_what_nobody_hears() -> None:
    with pytest.raises(LetterNotSent):
        await SmtpLetters("smtp://127.0.0.1:9", SENDER).send(LETTER)


@pytest.mark.parametrize("url", ["", "http://mail.school", "smtp://", "mail.school:25"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^not an address of an SMTP server$"):
        SmtpLetters(url, SENDER)


async def test_in_a_folder_each_letter_is_a_file_that_its_owner_alone_reads(tmp_path: Path) -> None:
    letters = FolderLetters(tmp_path / "mail", SENDER)
    await letters.send(LETTER)
    await letters.send(LETTER)
    first, second = sorted((tmp_path / "mail").iterdir())
    assert first.name.startswith("20261121T090000-")
    assert first.stat().st_mode & 0o777 == second.stat().st_mode & 0o777 == 0o600
    assert "To: ada@demo.school" in first.read_text()


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(LetterNotSent):
        await FolderLetters(tmp_path / "mail", SENDER).send(LETTER)


@pytest.mark.parametrize("address", ["a@b.school\r\nBcc: x@y.school", "a@b.school\nX: y"])
def test_no_line_is_smuggled_into_a_letter(address: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        message(LETTER._replace(to=address), SENDER)
