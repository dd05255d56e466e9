"""Is this an address, a name, a password that an account may have? Each check answers a value or a problem, and none
repeats what it was given."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from resolvers.accounts.guessable_passwords import is_common, is_like_address
from resolvers.passwords import LONGEST, SHORTEST
from resolvers.problem import Problem, problem

LONGEST_EMAIL: Final = 255
LONGEST_NAME: Final = 100
LONGEST_URL: Final = 500
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_JOINERS: Final = "\u200c\u200d"
"""What joins letters of Persian and Indic scripts; invisible anywhere else."""


def too_long(longest: int, *path: str) -> Problem:
    """The text at `path` is longer than it may be."""
    return problem("TOO_LONG", f"At most {longest} characters.", *path)


def normalised(email: str) -> str | None:
    """The address as accounts store it, None for a text that is no address and so nobody's.

    Lower case; names of hosts as DNS has them, so that letters of another alphabet show as what they are. Before the @
    stands ASCII alone: two addresses that look alike are the same."""
    if len(email) > LONGEST_EMAIL:
        return None
    try:
        found = validate_email(
            email, check_deliverability=False, test_environment=True, allow_smtputf8=False, allow_quoted_local=False
        )
    except (EmailNotValidError, UnicodeError):
        return None
    address = f"{found.local_part}@{found.ascii_domain}".lower()
    return address if len(address) <= LONGEST_EMAIL else None


def address(email: str) -> tuple[str, Problem | None]:
    """The address of `input.email` as accounts store it."""
    if len(email) > LONGEST_EMAIL:
        return "", too_long(LONGEST_EMAIL, "email")
    found = normalised(email)
    if found is None:
        return "", problem("INVALID_EMAIL", "This is no e-mail address.", "email")
    return found, None


def password_problem(password: str, email: str, *path: str) -> Problem | None:
    """What is wrong with a new password of the account with this address."""
    if len(password) > LONGEST:
        return too_long(LONGEST, *path)
    if len(password) < SHORTEST:
        return problem("WEAK_PASSWORD", f"At least {SHORTEST} characters.", *path)
    if is_common(password):
        return problem("WEAK_PASSWORD", "This is among the first passwords that anybody would try.", *path)
    if is_like_address(password, email):
        return problem("WEAK_PASSWORD", "This is too much like the e-mail address.", *path)
    return None


def name(text: str | None, *path: str, longest: int = LONGEST_NAME) -> tuple[str | None, Problem | None]:
    """A name of one line as it is stored, None for an empty one."""
    if text is None:
        return None, None
    # Long ones are not even looked at.
    if len(text) > longest * 4:
        return None, too_long(longest, *path)
    found = re.sub(" +", " ", unicodedata.normalize("NFC", text)).strip()
    if len(found) > longest:
        return None, too_long(longest, *path)
    if any(_is_no_text(found, at) for at in range(len(found))):
        return None, problem("INVALID_TEXT", "This holds characters that cannot be seen or written.", *path)
    return found or None, None


def _is_no_text(text: str, at: int) -> bool:
    """Whether a character controls, hides or turns round what is around it, or is none."""
    category = unicodedata.category(text[at])
    if text[at] in _JOINERS:
        return not (0 < at < len(text) - 1 and unicodedata.category(text[at - 1])[0] in "LM")
    return category[0] == "C" or category in ("Zl", "Zp")


def url(text: str | None, *path: str) -> tuple[str | None, Problem | None]:
    """An https address as it is stored, None for an empty one. Nobody fetches it but browsers."""
    if not text:
        return None, None
    if len(text) > LONGEST_URL:
        return None, too_long(LONGEST_URL, *path)
    try:
        parts = urlsplit(text)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isascii() or not text.isprintable() or any(each in text for each in " <>\"'\\"):
        return None, problem("INVALID_URL", "An https address, percent-encoded, without user and password.", *path)
    return text, None


def language(text: str, *path: str) -> Problem | None:
    """What is wrong with a language tag."""
    if len(text) > 10 or _LANGUAGE.fullmatch(text) is None:
        return problem("INVALID_TEXT", "A language as BCP 47 writes it, such as `en` or `pt-BR`.", *path)
    return None
