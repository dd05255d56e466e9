"""What can be done with the library? Read documents, search their passages by meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from loaders.classrooms import ClassroomRecord
from loaders.cursor import InvalidCursor
from loaders.library import ChunkMatch, ChunkMatches, ChunkRecord, DocumentRecord, Library
from loaders.page import PageRequest
from resolvers.degrading import degrades_with
from resolvers.errors import BadUserInput, NotFound
from resolvers.links import signed
from resolvers.operation import Operation

__all__ = ["ChunkRecord", "DocumentRecord"]

LONGEST_QUERY: Final = 1000
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n{2,}")
_WORD: Final = re.compile(r"\w+")


class SearchRequest(NamedTuple):
    """What is looked for, and which part of the answer."""

    query: str
    page: PageRequest


class SearchEdge(NamedTuple):
    """One match on its page."""

    page: ChunkMatches
    node: ChunkMatch


def search_request(query: str, page: PageRequest) -> Any:
    """A search within bounds. Raises BadUserInput."""
    text = query.strip()
    if not text or len(text) > LONGEST_QUERY:
        raise BadUserInput(f"`query` takes 1 to {LONGEST_QUERY:,} characters.")
    return SearchRequest(text, page)


def chunk_key(text: str) -> str:
    """A chunk's key. Raises ValueError for a text that is none."""
    if str(UUID(text)) != text:
        raise ValueError(text)
    return text


@degrades_with(Library.documents_by_id)
async def documents_by_ids(operation: Operation, ids: Sequence[UUID]) -> list[DocumentRecord | None]:
    """Documents that the viewer may know of."""
    return await operation.loaders.library.documents_by_id(ids)


@degrades_with(Library.chunks_by_id)
async def chunks_by_ids(operation: Operation, ids: Sequence[str]) -> list[ChunkRecord | None]:
    """Passages that the viewer may know of."""
    return await operation.loaders.library.chunks_by_id(ids)


@degrades_with(Library.matches_by_classroom_id)
async def search_classrooms(
    operation: Operation, classrooms: Sequence[ClassroomRecord], request: SearchRequest
) -> list[ChunkMatches | InvalidCursor]:
    """The passages of each classroom's documents that are nearest in meaning."""
    return await operation.loaders.library.matches_by_classroom_id(
        [each.id for each in classrooms], request.query, request.page
    )


def search_edges(page: ChunkMatches) -> list[SearchEdge]:
    """A page's matches, each knowing its page."""
    return [SearchEdge(page, match) for match in page.records]


@degrades_with(Library.documents_by_id)
async def documents(operation: Operation, chunks: Sequence[ChunkRecord]) -> list[DocumentRecord | NotFound]:
    """The document of each passage."""
    found = await operation.loaders.library.documents_by_id([each.document_id for each in chunks])
    return [document or NotFound() for document in found]


@degrades_with(signed)
async def download_links(operation: Operation, documents: Sequence[DocumentRecord]) -> list[str]:
    """A signed link to each document's file."""
    return await signed(operation, [each.object_key for each in documents])


def highlight(query: str, text: str) -> str | None:
    """The sentence that holds most of the query's words, the first one where none holds any."""
    wanted = _stems(word for word in _WORD.findall(query.casefold()) if len(word) > 3)
    sentences = [" ".join(each.split()) for each in _SENTENCE.split(text) if each.strip()]
    if not sentences:
        return None
    return max(sentences, key=lambda sentence: len(wanted & _stems(_WORD.findall(sentence.casefold()))))


def _stems(words: Iterable[str]) -> set[str]:
    """Plants and plant, energy and energies are one word to a reader; five letters tell most others apart."""
    return {word[:5] for word in words}
