"""Where is a document cut, so that each piece fits the embedding model?

A chunk has at most 256 tokens, the model's two special ones included. It ends where a sentence ends; a sentence that
is longer is cut between words, a word that is longer (a wall of punctuation, say) between the tokenizer's own words.
Chunks never cross pages, so that a hit can name its page.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple, Protocol

MAX_TOKENS = 254  # the model's 256 less [CLS] and [SEP]

# A sentence begins after: an end mark with closing quotes and a blank; an ideographic end mark; an empty line;
# a line break before a list item or a heading.
SENTENCE_START = re.compile(
    r"[.!?…][\"'”’»)\]]*\s+|[。！？][」』”’）]*|\n[^\S\n]*\n\s*|\n(?=[^\S\n]*(?:[-*+•]|\#+|\d+[.)])\s)"
)


class Chunk(NamedTuple):
    """A piece of a document: `page_number` counts from 1, `chunk_index` from 0 through the whole document."""

    text: str
    page_number: int
    chunk_index: int


class Encoded(Protocol):
    """What is read of `tokenizers.Encoding`: where each token stands, and which of the tokenizer's words it is of."""

    @property
    def offsets(self) -> list[tuple[int, int]]: ...

    @property
    def word_ids(self) -> list[int | None]: ...


def cut(page: str, tokens: Encoded) -> list[str]:
    """The page's chunks; `tokens` is the page encoded whole, without special tokens. An empty page has none."""
    offsets, words = tokens.offsets, tokens.word_ids
    starts = [start for start, _ in offsets]
    count = len(starts)
    sentences = sorted({bisect_left(starts, match.end()) for match in SENTENCE_START.finditer(page)} | {count})
    pieces = [place for place in range(1, count) if words[place] != words[place - 1]]
    blanks = [place for place in pieces if page[starts[place] - 1].isspace()]
    chunks: list[str] = []
    begin = 0
    while begin < count:
        limit = begin + MAX_TOKENS
        end = next(filter(None, (_last(borders, begin, limit) for borders in (sentences, blanks, pieces))), limit)
        chunks.append(page[starts[begin] : offsets[end - 1][1]])
        begin = end
    return chunks


def _last(borders: list[int], begin: int, limit: int) -> int | None:
    """The last border after `begin` and not after `limit`."""
    place = bisect_left(borders, limit + 1) - 1
    return borders[place] if place >= 0 and borders[place] > begin else None
