"""How does a text get its vector without the event loop waiting, and a search without waiting for documents?

One thread holds the model (`minilm.MiniLM`) and computes one small batch at a time, some 0.1 s. Whoever
wants vectors stands in one of two bounded queues: searches are served first, documents batch by batch in between, so
a search waits for one running batch and never for a whole document.

The cache of query vectors outlives operations, so it is declared: key, sha256 of the query's text; value, its vector,
the same for every viewer; size, the 512 last used; cleared by nothing but the end of the process, since the weights
cannot change under it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from datadir.errors import StoreUnavailable
from datadir.names import StoreName
from datadir.qdrant.chunks import Chunk, cut

if TYPE_CHECKING:
    from datadir.qdrant.minilm import Matrix, MiniLM

BATCH_TEXTS = 16
BATCH_TOKENS = 256  # one long text, about 0.1 s: larger batches are longer, not faster
QUERIES_WAITING = 64
DOCUMENTS_WAITING = 8
CACHED_QUERIES = 512

T = TypeVar("T")
Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Embedder:
    """Vectors of all-MiniLM-L6-v2: 384 floats, norm 1. For one event loop; loads the model when first needed.

    Every method raises `StoreMisconfigured` where the model's wheel is missing or its files are not the ones we know,
    and `StoreUnavailable` after `close`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` holds the model's files; None: those of the installed wheel."""
        self._folder = folder
        self._model: MiniLM | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="embedding")
        self._queries: asyncio.Queue[Job] = asyncio.Queue(QUERIES_WAITING)
        self._documents: asyncio.Queue[Job] = asyncio.Queue(DOCUMENTS_WAITING)
        self._waiting = asyncio.Semaphore(0)
        self._server: asyncio.Task[None] | None = None
        self._closed = False
        self._cache: OrderedDict[bytes, Matrix] = OrderedDict()

    async def warm(self) -> None:
        """Load the model now (about 0.5 s in the worker thread)."""
        await self._do(self._queries, self._loaded)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of document texts, in their order. What is past 256 tokens of a text is not seen."""
        tokens: list[list[int]] = []
        for start in range(0, len(texts), BATCH_TEXTS):
            tokens += await self._do(self._documents, partial(self._tokens, texts[start : start + BATCH_TEXTS]))
        vectors: list[list[float]] = [[]] * len(texts)
        for places in batches([len(ids) for ids in tokens]):
            rows = await self._do(self._documents, partial(self._vectors, [tokens[place] for place in places]))
            for place, row in zip(places, rows, strict=True):
                vectors[place] = row.tolist()
        return vectors

    async def embed_query(self, text: str) -> list[float]:
        """The vector of a search's text, before any waiting document; remembered for the next search."""
        key = sha256(text.encode("utf-8", "surrogatepass")).digest()
        vector = self._cache.get(key)
        if vector is None:
            vector = await self._do(self._queries, partial(self._vector, text))
            self._cache[key] = vector
            if len(self._cache) > CACHED_QUERIES:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        row: list[float] = vector.tolist()
        return row

    async def chunk(self, pages: Sequence[str]) -> list[Chunk]:
        """Cut a document's pages into chunks that the model sees whole: see `chunks`."""
        chunks: list[Chunk] = []
        for number, page in enumerate(pages, start=1):
            for text in await self._do(self._documents, partial(self._cut, page)):
                chunks.append(Chunk(text, number, len(chunks)))
        return chunks

    async def close(self) -> None:
        """End the worker thread after its running batch; whoever still waits gets `StoreUnavailable`."""
        self._closed = True
        if self._server is not None:
            self._server.cancel()
            await asyncio.wait([self._server])
        for queue in (self._queries, self._documents):
            while not queue.empty():
                _, answer = queue.get_nowait()
                if not answer.done():
                    answer.set_exception(_gone())
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _do(self, queue: asyncio.Queue[Job], work: Callable[[], T]) -> T:
        """Stand in `queue` until the worker thread has done `work`."""
        if self._closed:
            raise _gone()
        if self._server is None:
            # In an empty context: it outlives the operation that happens to ask first, and its ledger.
            self._server = asyncio.create_task(self._serve(), name="embedding", context=Context())
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        await queue.put((work, answer))
        if self._closed:  # while standing in front of a full queue
            raise _gone()
        self._waiting.release()
        return await answer

    async def _serve(self) -> None:
        """Hand the worker thread one job after the other, searches first."""
        loop = asyncio.get_running_loop()
        while True:
            await self._waiting.acquire()
            work, answer = (self._documents if self._queries.empty() else self._queries).get_nowait()
            if answer.done():  # whoever asked was cancelled
                continue
            try:
                result = await loop.run_in_executor(self._worker, work)
            except Exception as error:
                if not answer.done():
                    answer.set_exception(error)
            except asyncio.CancelledError:
                if not answer.done():
                    answer.set_exception(_gone())
                raise
            else:
                if not answer.done():
                    answer.set_result(result)

    # In the worker thread.

    def _loaded(self) -> MiniLM:
        if self._model is None:
            # Imported here: numpy, tokenizers and the weights are half a second that no start needs to wait for.
            from datadir.qdrant.minilm import MiniLM

            self._model = MiniLM(self._folder)
        return self._model

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._loaded().tokens(text) for text in texts]

    def _vectors(self, tokens: Sequence[Sequence[int]]) -> Matrix:
        return self._loaded().vectors(tokens)

    def _vector(self, text: str) -> Matrix:
        row: Matrix = self._vectors(self._tokens([text]))[0]
        return row

    def _cut(self, page: str) -> list[str]:
        return cut(page, self._loaded().encode(page))


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Places of the texts of each batch, shortest texts first: at most 16 texts and 256 tokens."""
    made: list[list[int]] = []
    total = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not made or len(made[-1]) == BATCH_TEXTS or total + lengths[place] > BATCH_TOKENS:
            made.append([])
            total = 0
        made[-1].append(place)
        total += lengths[place]
    return made


def _gone() -> StoreUnavailable:
    return StoreUnavailable(StoreName.QDRANT, "the embedding worker has ended")
