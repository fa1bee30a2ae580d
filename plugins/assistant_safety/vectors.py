"""Word vectors that know more words than the labelled requests: the table that comes with the package ``wordllama``
(static vectors of 32,000 pieces of words, learned for the likeness of sentences).

The files of the package are read; its code is not imported. Training and run time share this file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

WIDTH = 256
"""Numbers of a vector."""

POOLED = 2 * WIDTH
"""Numbers of what `pooled_vector` makes of a text."""

_PACKAGE = "wordllama"
_TABLE = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_LONGEST_WORD = 64
"""Letters of a word that are read; a longer one is no word."""

_log = logging.getLogger(__name__)


@cache
def _files() -> tuple[npt.NDArray[np.float16], Any] | None:
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        _log.warning("The package %s is missing: requests are judged by their words alone.", _PACKAGE)
        return None
    folder = Path(found.origin).parent
    try:
        # Both take a moment to import, and are needed only once something is judged.
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        table = cast(npt.NDArray[np.float16], load_file(folder / _TABLE)["embedding.weight"])
        tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        if table.shape != (tokenizer.get_vocab_size(), WIDTH):
            raise ValueError(f"expected {tokenizer.get_vocab_size()} vectors of {WIDTH} numbers; came {table.shape}")
    except Exception as error:  # A file of a foreign package, in whatever state: what can be judged without it is.
        _log.warning(
            "The word vectors of %s cannot be read (%s): requests are judged by their words alone.", folder, error
        )
        return None
    return table, tokenizer


def available() -> bool:
    """Whether the vectors can be read. The first call reads them, which takes some tenths of a second."""
    return _files() is not None


@lru_cache(maxsize=50_000)
def _pieces_of(word: str) -> tuple[int, ...]:
    known = _files()
    if known is None:
        return ()
    clean = word[:_LONGEST_WORD].encode("utf-8", "ignore").decode("utf-8")
    return tuple(known[1].encode(clean, add_special_tokens=False).ids)


def pooled_vector(words: Sequence[str]) -> npt.NDArray[np.float32]:
    """The mean and, after it, the maximum of the vectors of all pieces of some words, in the shape (512,).

    The mean is what a text is about; the maximum keeps what one telling word says in a long text. Zeros where there is
    no word or no table.
    """
    known = _files()
    pieces = [piece for word in words for piece in _pieces_of(word)] if known else []
    if known is None or not pieces:
        return np.zeros(POOLED, dtype=np.float32)
    vectors = known[0][pieces]
    return np.concatenate([vectors.mean(axis=0, dtype=np.float32), vectors.max(axis=0).astype(np.float32)])
