"""From the tokens of an answer to its words, by index and never by spelling."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant import Word

_WORD = re.compile(r"\S+")


def split_words(pieces: Sequence[str], start: int, image: int) -> list[Word]:
    """The words of a text that was written in pieces.

    Args:
        pieces: the text that each token added, in order; a token may add nothing (a part of a character).
        start: where the text begins in the whole answer, in characters.
        image: the picture that the text is about.

    Returns:
        One word for each run of characters without white space, with the first and the last token that wrote a
        character of it. Two words that share a token both name it.
    """
    text = "".join(pieces)
    writer: list[int] = []
    for index, piece in enumerate(pieces):
        writer += [index] * len(piece)
    return [
        Word(
            text=match.group(),
            start=start + match.start(),
            end=start + match.end(),
            first=writer[match.start()],
            last=writer[match.end() - 1],
            image=image,
        )
        for match in _WORD.finditer(text)
    ]
