"""Which document does a request mean? Its own text, one that a manifest knows by an id, or one that some client
registered by its hash (Apollo's automatic persisted queries).

A document that this process knows is found in memory, parsed and validated. One that it does not know, and no manifest
either, costs one store call, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph.errors import RequestError
from graph.execution.documents import LARGEST_KEPT, Document, Documents
from graph.http.envelope import Envelope
from graph.manifests import Manifest
from resolvers.persisted import hash_of, register, registered

if TYPE_CHECKING:
    from datadir.stores import Stores


class Persisted:
    """Finds the documents of requests. `only_known`: those of the manifest alone are answered."""

    def __init__(self, stores: Stores, documents: Documents, manifest: Manifest, *, only_known: bool) -> None:
        self._stores = stores
        self._documents = documents
        self._manifest = manifest
        self._only_known = only_known

    async def document(self, envelope: Envelope) -> Document:
        """The document of a request. Raises RequestError, DocumentErrors."""
        if envelope.document_id is not None:
            text = self._manifest.text(envelope.document_id)
            if text is None:
                raise _not_found()
            return self._documents.document(text)
        if envelope.hash is None:
            if self._only_known:
                self._refuse_unknown(hash_of(envelope.document))
            return self._documents.document(envelope.document)
        if envelope.document:
            return await self._registered(envelope.document, envelope.hash)
        return self._documents.kept_as(envelope.hash) or await self._found(envelope.hash)

    async def _registered(self, text: str, digest: str) -> Document:
        """The document of a text that is sent with its hash, for others to ask by the hash alone."""
        if hash_of(text) != digest:
            raise RequestError("PERSISTED_QUERY_MISMATCH", "`sha256Hash` is not the hash of `query`.")
        if self._only_known:
            self._refuse_unknown(digest)
        # Nothing is registered that nobody could ask.
        document = self._documents.document(text)
        if not self._only_known and len(text) <= LARGEST_KEPT:
            await register(self._stores, digest, text)
        return document

    async def _found(self, digest: str) -> Document:
        text = self._manifest.by_hash.get(digest)
        if text is None and not self._only_known:
            text = await registered(self._stores, digest)
        if text is None:
            raise _not_found()
        return self._documents.document(text)

    def _refuse_unknown(self, digest: str) -> None:
        if digest not in self._manifest.by_hash:
            sentence = "This server answers the documents of its manifest alone: send `documentId`."
            raise RequestError("DOCUMENT_NOT_ALLOWED", sentence, 403)


def _not_found() -> RequestError:
    # The very words that clients know: they send the text next.
    return RequestError("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound", 200)
