"""Would anybody guess this password? What is made of nothing but common words, digits and signs, and what is one's own
address with something around it."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Final

# How a letter is disguised. Also a digit that means itself is let through: it is a piece of its own.
_DISGUISED: Final = {
    "a": "a@4",
    "b": "b8",
    "e": "e3",
    "g": "g69",
    "i": "i1!|l",
    "l": "l1|i",
    "o": "o0",
    "s": "s5$z",
    "t": "t7+",
    "z": "z2",
}
LEFT_TO_GUESS: Final = 6
"""Letters that a password must have beside its owner's address."""


def _read() -> dict[str, list[str]]:
    """The common words, by how they may begin."""
    by_first: dict[str, list[str]] = defaultdict(list)
    for line in Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").splitlines():
        for word in () if line.startswith("#") else line.split():
            for first in _DISGUISED.get(word[0], word[0]):
                by_first[first].append(word)
    return dict(by_first)


# At once: when the first password is looked at, others are being answered.
_WORDS: Final = _read()


def is_common(password: str) -> bool:
    """Whether the password is made of common words, digits, signs and repeated letters, and of nothing else."""
    text = unicodedata.normalize("NFKC", password).casefold()
    # reached[n]: the first n characters are such pieces.
    reached = [True] + [False] * len(text)
    for at, character in enumerate(text):
        if not reached[at]:
            continue
        if not character.isalpha():
            reached[at + 1] = True
        run = len(text[at:]) - len(text[at:].lstrip(character))
        if run > 2:
            reached[at + run] = True
        for word in _WORDS.get(character, ()):
            if _is_disguised(word, text[at : at + len(word)]):
                reached[at + len(word)] = True
    return reached[-1]


def is_like_address(password: str, email: str) -> bool:
    """Whether hardly more is in the password than the address of its owner, forwards or backwards."""
    text = _letters(password)
    local, _, domain = email.partition("@")
    known = [_letters(local), _letters(domain), _letters(email), *map(_letters, re.split(r"[^a-z0-9]+", email))]
    left = text
    for part in sorted({each for each in known if len(each) > 3}, key=len, reverse=True):
        left = left.replace(part, "").replace(part[::-1], "")
    return len(left) < len(text) and len(left) < LEFT_TO_GUESS


def _is_disguised(word: str, text: str) -> bool:
    return len(text) == len(word) and all(
        written in _DISGUISED.get(letter, letter) for letter, written in zip(word, text, strict=True)
    )


def _letters(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKC", text).casefold() if each.isalnum())
