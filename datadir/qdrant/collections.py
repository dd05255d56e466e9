"""Which vector collections exist, how are they searched, and what does a point of each carry?

Data, not calls: `setup.py` and `Vectors.ensure` create what is written here on a server and in the embedded engine
alike, `collections.md` says the same for people, and a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

IndexType = Literal["keyword", "integer", "float", "bool", "datetime", "uuid", "text"]


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection: what it is for, and `size` floats a point, compared by `distance`.

    `payload` names every field a point carries, with its JSON type and meaning; `indexes` those that filters may use
    on a server in strict mode. `m` and `ef_construct` shape the HNSW graph.
    """

    name: str
    payload: Mapping[str, str] = field(hash=False)
    indexes: Mapping[str, IndexType] = field(hash=False)
    about: str = ""
    size: int = 384
    distance: Literal["Cosine", "Dot", "Euclid", "Manhattan"] = "Cosine"
    m: int = 16
    ef_construct: int = 128


_CREATED_AT = "ISO 8601 string with a zone: when it was put here"

DOCUMENTS = Collection(
    name="documents",
    about="Chunks of the classrooms' documents, for semantic search.",
    payload=MappingProxyType(
        {
            "text": "string: the chunk, at most 256 tokens, never across pages",
            "classroom_id": "UUID string: the classroom whose members may read it",
            "document_id": "UUID string: the row of PostgreSQL's documents it was cut from",
            "document_type": "string: the row's document type, such as material",
            "filename": "string: the name it was uploaded under",
            "page_number": "integer: from 1",
            "chunk_index": "integer: from 0, through the whole document",
            "created_at": _CREATED_AT,
        }
    ),
    indexes=MappingProxyType(
        {
            "classroom_id": "keyword",
            "document_type": "keyword",
            "document_id": "keyword",
            "created_at": "datetime",
        }
    ),
)

WEB_CONTENT = Collection(
    name="web_content",
    about="Chunks of web pages, which every account may read.",
    payload=MappingProxyType(
        {
            "text": "string: the chunk, at most 256 tokens",
            "source_url": "string: the page's address",
            "title": "string: the page's title",
            "topic": "string: what it is about",
            "ingested_at": _CREATED_AT,
        }
    ),
    indexes=MappingProxyType({"source_url": "keyword", "topic": "keyword", "ingested_at": "datetime"}),
)

KNOWLEDGE_BASE = Collection(
    name="knowledge_base",
    about="Chunks of documents that belong to no classroom, which every account may read.",
    payload=MappingProxyType(
        {
            "document_id": "UUID string: the row of PostgreSQL's documents it was cut from",
            "chunk_index": "integer: from 0, through the whole document",
            "content": "string: the chunk, at most 256 tokens, never across pages",
            "source": "string: where the document comes from, such as its file name",
            "created_at": _CREATED_AT,
        }
    ),
    indexes=MappingProxyType({"document_id": "keyword", "created_at": "datetime"}),
)

EPISODIC_MEMORY = Collection(
    name="episodic_memory",
    about="What past simulations taught somebody: read by that person's own simulations alone.",
    payload=MappingProxyType(
        {
            "user_id": "UUID string: whose simulation it was",
            "simulation_id": "UUID string: the row of PostgreSQL's simulations",
            "summary": "string: what happened",
            "lessons_learned": "string: what there was to learn",
        }
    ),
    indexes=MappingProxyType({"user_id": "keyword", "simulation_id": "keyword"}),
)

TRANSCRIPTS = Collection(
    name="transcripts",
    about="Moments of meetings: consecutive segments of a transcript of MongoDB, for semantic search.",
    payload=MappingProxyType(
        {
            "text": "string: what was said, at most 256 tokens",
            "classroom_id": "UUID string: the classroom whose members may read it",
            "meeting_id": "UUID string: the meeting, and the key of the transcript",
            "speaker_ids": "list of UUID strings: who spoke, guests aside",
            "start_time": "number: seconds since the meeting's start",
            "end_time": "number: seconds since the meeting's start",
            "language": "string: such as en",
            "created_at": _CREATED_AT,
        }
    ),
    indexes=MappingProxyType(
        {
            "classroom_id": "keyword",
            "meeting_id": "keyword",
            "speaker_ids": "keyword",
            "language": "keyword",
            "created_at": "datetime",
        }
    ),
)

COLLECTIONS: tuple[Collection, ...] = (DOCUMENTS, WEB_CONTENT, KNOWLEDGE_BASE, EPISODIC_MEMORY, TRANSCRIPTS)
