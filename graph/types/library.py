"""What is in the library, outside? Documents, and their passages found by meaning."""

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry

from graph.execution.edge import NO_CALLS, POSTGRESQL, edge, leaf
from graph.types.node import Node
from graph.types.paging import PageInfo
from resolvers import library
from resolvers.audit import Concern


@strawberry.enum(description="How far a document is on its way into search.")
class DocumentStatus(Enum):
    """Document states, as they are stored."""

    UPLOADING = strawberry.enum_value("uploading", description="Its bytes are not here yet.")
    UPLOADED = strawberry.enum_value("uploaded", description="Its bytes are here.")
    INGESTING = strawberry.enum_value("ingesting", description="It is being read.")
    READY = strawberry.enum_value("ready", description="It can be searched.")
    FAILED = strawberry.enum_value("failed", description="It could not be read.")


@strawberry.type(description="An uploaded document, of a classroom or of the knowledge base.")
class Document(Node):
    """Source: PostgreSQL `documents`, object storage for its bytes."""

    record = library.DocumentRecord
    by_keys = library.documents_by_ids

    filename: str = leaf("Its file's name.")
    document_type: str = leaf("What it is for: material, handout, lab_guide, notes.")
    status: DocumentStatus = leaf("How far it is on its way into search.")
    page_count: int | None = leaf("How many pages it has.")
    chunk_count: int | None = leaf("How many passages search knows of it.")
    created_at: datetime = leaf("When it was uploaded.")
    download_url: str | None = edge(
        library.download_links, "A signed link to its file; it ends after 15 minutes.", calls=NO_CALLS
    )


@strawberry.type(description="A passage of a document.")
class DocumentChunk(Node):
    """Source: Qdrant `documents`."""

    record = library.ChunkRecord
    by_keys = library.chunks_by_ids
    concerns = Concern("Document", "document_id")
    key = library.chunk_key
    store = "qdrant"

    text: str = leaf("The passage.")
    page_number: int = leaf("The page it stands on, from 1.")
    chunk_index: int = leaf("Its place in the document, from 0.")
    document: Document | None = edge(library.documents, "The document it is from.", calls=POSTGRESQL)


def _cursor(each: Any) -> str:
    cursor: str = each.page.cursor(each.node)
    return cursor


@strawberry.type(description="A passage that answers a search.")
class DocumentChunkSearchEdge:
    """Relay's edge, with what a search knows of it."""

    cursor: str = leaf("Its place in this search, for `after`.", read=_cursor)
    score: float = leaf("How near it is in meaning: cosine, -1 to 1.", read=lambda each: each.node.score)
    highlight: str | None = leaf(
        "The sentence of the passage that says most of the query's words.",
        read=lambda each: library.highlight(each.page.query, each.node.chunk.text),
    )
    node: DocumentChunk = leaf("The passage.", read=lambda each: each.node.chunk)


@strawberry.type(description="One page of a search, best first.")
class DocumentChunkSearchConnection:
    """Relay's connection; a search by meaning ranks everything, so there is no total."""

    edges: list[DocumentChunkSearchEdge] = leaf("The passages with their scores.", read=library.search_edges)
    nodes: list[DocumentChunk] = leaf("The passages.", read=lambda page: [match.chunk for match in page.records])
    page_info: PageInfo = leaf("Whether and how to go on.", read=lambda page: page)
