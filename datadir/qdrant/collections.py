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
    """One collection: `size` floats a point, compared by `distance`.

    `payload` names every field a point carries, with its JSON type and meaning; `indexes` those that filters may use
    on a server in strict mode. `m` and `ef_construct` shape the HNSW graph.
    """

    name: str
    size: int
    payload: Mapping[str, str] = field(hash=False)
    indexes: Mapping[str, IndexType] = field(hash=False)
    distance: Literal["Cosine", "Dot", "Euclid", "Manhattan"] = "Cosine"
    m: int = 16
    ef_construct: int = 128


DOCUMENTS = Collection(
    name="documents",
    size=384,
    payload=MappingProxyType(
        {
            "text": "string: the chunk, at most 256 tokens, never across pages",
            "classroom_id": "UUID string: the classroom whose members may read it",
            "document_id": "UUID string: the row of PostgreSQL's documents it was cut from",
            "document_type": "string: the row's document type, such as material",
            "filename": "string: the name it was uploaded under",
            "page_number": "integer: from 1",
            "chunk_index": "integer: from 0, through the whole document",
            "created_at": "ISO 8601 string with a zone: when it was put here",
        }
    ),
    indexes=MappingProxyType({"classroom_id": "keyword", "document_type": "keyword", "document_id": "keyword"}),
)

COLLECTIONS: tuple[Collection, ...] = (DOCUMENTS,)
