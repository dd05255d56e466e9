"""How are documents gathered? By id, and their chunks by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from datadir.postgresql.record import Row
from datadir.qdrant.collections import DOCUMENTS
from loaders.by_key import one_by_key
from loaders.cursor import Cursors, InvalidCursor
from loaders.degrading import Degrades, degrades
from loaders.page import PageRequest

if TYPE_CHECKING:
    from datadir.qdrant import models
    from loaders import Loaders


class DocumentRecord(Row):
    """An uploaded document, of a classroom or, without one, of the knowledge base."""

    __slots__ = ()
    id: UUID
    classroom_id: UUID | None
    uploaded_by: UUID | None
    filename: str
    document_type: str
    status: str
    object_key: str
    page_count: int | None
    chunk_count: int | None
    created_at: datetime


class ChunkRecord(NamedTuple):
    """A passage of a document, as the vector store holds it. Pages and chunks count from 1 and 0."""

    id: str
    document_id: UUID
    classroom_id: UUID
    filename: str
    page_number: int
    chunk_index: int
    text: str


class ChunkMatch(NamedTuple):
    """A chunk that answers a search; `score` is the cosine of its vector and the query's, -1 to 1."""

    position: int
    score: float
    chunk: ChunkRecord


@dataclass(frozen=True, slots=True)
class ChunkMatches:
    """One page of a search: the best matches first."""

    query: str
    records: Sequence[ChunkMatch]
    has_next: bool
    has_previous: bool
    cursors: Cursors

    def cursor(self, match: ChunkMatch) -> str:
        """The opaque cursor of one match of this very search."""
        return self.cursors.encode(_tag(self.query), [match.chunk.classroom_id, match.position])


_DOCUMENT: Final = (
    "d.id, d.classroom_id, d.uploaded_by, d.filename, d.document_type, d.status, d.object_key, d.page_count, "
    "d.chunk_count, d.created_at"
)


def _tag(query: str) -> str:
    return f"search {query}"


class Library:
    """Reads of documents and chunks for one operation."""

    __slots__ = ("_loaders",)

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    @degrades(Degrades.NULL)
    async def documents_by_id(self, ids: Sequence[UUID]) -> list[DocumentRecord | None]:
        """Documents in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders, DocumentRecord, f"select {_DOCUMENT} from documents d where d.id = any($1::uuid[])", ids
        )

    @degrades(Degrades.NULL)
    async def chunks_by_id(self, ids: Sequence[str]) -> list[ChunkRecord | None]:
        """Chunks in the order of `ids`, None where the viewer's scope holds none."""
        if not ids:
            return []
        # Half a second of pydantic classes: imported where they are used, so that no start waits for them.
        from datadir.qdrant import models

        wanted = models.HasIdCondition(has_id=list(dict.fromkeys(ids)))
        visible = await self._visible(wanted)
        page = await self._loaders.stores.vectors.scroll(DOCUMENTS.name, visible, limit=len(ids))
        found = {each.id: _chunk(each.id, each.payload) for each in page.records}
        return [found.get(each) for each in ids]

    @degrades(Degrades.NULL)
    async def matches_by_classroom_id(
        self, ids: Sequence[UUID], query: str, request: PageRequest
    ) -> list[ChunkMatches | InvalidCursor]:
        """The chunks of each classroom that are nearest in meaning to `query`. One store call; the query is embedded
        on this machine."""
        cursors = self._loaders.cursors
        distinct = list(dict.fromkeys(ids))
        offset = 0
        if request.after is not None:
            meant, position = cursors.decode(_tag(query), request.after, 2)
            distinct = [each for each in distinct if each == meant]
            offset = position + 1
        if not distinct:
            return [InvalidCursor() for _ in ids]
        from datadir.qdrant import models

        vector = await self._loaders.embedder.embed_query(query)
        answers = await self._loaders.stores.vectors.query_batch(
            DOCUMENTS.name,
            [
                models.QueryRequest(
                    query=vector,
                    filter=await self._visible(_of_classroom(each)),
                    limit=request.size + 1,
                    offset=offset,
                    with_payload=True,
                )
                for each in distinct
            ],
        )
        pages: dict[UUID, ChunkMatches] = {}
        for each, hits in zip(distinct, answers, strict=True):
            matches = [
                ChunkMatch(offset + number, hit.score, _chunk(hit.id, hit.payload))
                for number, hit in enumerate(hits[: request.size])
            ]
            pages[each] = ChunkMatches(query, matches, len(hits) > request.size, offset > 0, cursors)
        return [pages.get(each) or InvalidCursor() for each in ids]

    async def _visible(self, wanted: models.FieldCondition | models.HasIdCondition) -> models.Filter:
        from datadir.qdrant import models

        # The door in Qdrant's own words: what is wanted, if it lies in one of the viewer's classrooms.
        scope = await self._loaders.whole_scope()
        must: list[Any] = [wanted]
        if not scope.sees_all:
            allowed = [str(each) for each in scope.classroom_ids]
            must.append(models.FieldCondition(key="classroom_id", match=models.MatchAny(any=allowed)))
        return models.Filter(must=must)


def _of_classroom(classroom_id: UUID) -> models.FieldCondition:
    from datadir.qdrant import models

    return models.FieldCondition(key="classroom_id", match=models.MatchValue(value=str(classroom_id)))


def _chunk(identity: str, payload: dict[str, Any]) -> ChunkRecord:
    return ChunkRecord(
        identity,
        UUID(payload["document_id"]),
        UUID(payload["classroom_id"]),
        payload["filename"],
        payload["page_number"],
        payload["chunk_index"],
        payload["text"],
    )
