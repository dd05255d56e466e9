"""Which documents wait for the vector store, and what is written when one has been embedded?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datadir.qdrant import models
from datadir.qdrant.collections import DOCUMENTS
from datadir.scope import SYSTEM
from loaders.library import DocumentRecord

if TYPE_CHECKING:
    from datadir.stores import Stores
    from loaders.library import ChunkRecord


async def waiting_documents(stores: Stores, ids: Sequence[UUID]) -> list[DocumentRecord]:
    """Those of `ids` whose passages are not all in the vector store, in the order of `ids`."""
    rows = await stores.postgresql.lease(SYSTEM).fetch(
        DocumentRecord,
        "select d.id, d.classroom_id, d.uploaded_by, d.filename, d.document_type, d.status, d.object_key, "
        "d.page_count, d.chunk_count, d.created_at "
        "from documents d where d.id = any($1::uuid[]) and d.status <> 'ready'",
        list(ids),
    )
    found = {row.id: row for row in rows}
    return [found[each] for each in ids if each in found]


async def upsert_chunks(
    stores: Stores, document: DocumentRecord, chunks: Sequence[ChunkRecord], vectors: Sequence[Sequence[float]]
) -> None:
    """Write a document's chunks with their vectors (384 floats each); chunks with known ids are overwritten."""
    await stores.vectors.upsert(
        DOCUMENTS.name,
        [
            models.PointStruct(
                id=chunk.id,
                vector=list(vector),
                payload={
                    "text": chunk.text,
                    "classroom_id": str(chunk.classroom_id),
                    "document_id": str(chunk.document_id),
                    "document_type": document.document_type,
                    "filename": chunk.filename,
                    "page_number": chunk.page_number,
                    "chunk_index": chunk.chunk_index,
                    "created_at": document.created_at.isoformat(),
                },
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
        ],
    )


async def mark_ready(stores: Stores, document_id: UUID, chunk_count: int, at: datetime) -> None:
    """Say that all passages of a document are in the vector store."""
    async with stores.postgresql.transaction(SYSTEM) as tx:
        await tx.execute(
            "update documents set status = 'ready', chunk_count = $2, updated_at = $3 where id = $1",
            document_id,
            chunk_count,
            at,
        )
