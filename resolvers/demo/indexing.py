"""How do the demo documents become searchable? In the background of each start, until all of them are.

A document is marked ready when its last passage is in the vector store, and passages have fixed ids: cut off anywhere,
the next start repeats at most one document.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loaders import indexing
from loaders.library import ChunkRecord, DocumentRecord
from resolvers.demo import documents

if TYPE_CHECKING:
    from datadir.qdrant.embedding import Embedder
    from datadir.stores import Stores

Progress = Callable[[int, int], None]
"""Hears (passages done, passages in all)."""


async def index_documents(stores: Stores, embedder: Embedder, progress: Progress) -> None:
    """Cut, embed and store the demo documents that are not ready, those of the front page's classroom first.

    Raises StoreUnavailable where a store is gone; what was done stays done."""
    planned = {plan.id: plan.text.pages for plan in documents.plans()}
    waiting = await indexing.waiting_documents(stores, list(planned))
    cut = [(document, await _chunks(embedder, document, planned[document.id])) for document in waiting]
    total = sum(len(chunks) for _, chunks in cut)
    done = 0
    progress(done, total)
    for document, chunks in cut:
        vectors = await embedder.embed([chunk.text for chunk in chunks])
        await indexing.upsert_chunks(stores, document, chunks, vectors)
        await indexing.mark_ready(stores, document.id, len(chunks), datetime.now(UTC))
        done += len(chunks)
        progress(done, total)


async def _chunks(embedder: Embedder, document: DocumentRecord, pages: tuple[str, ...]) -> list[ChunkRecord]:
    assert document.classroom_id is not None
    return [
        ChunkRecord(
            documents.chunk_id(document.id, chunk.chunk_index),
            document.id,
            document.classroom_id,
            document.filename,
            chunk.page_number,
            chunk.chunk_index,
            chunk.text,
        )
        for chunk in await embedder.chunk(pages)
    ]
