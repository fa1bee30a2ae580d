"""Text to token ids and back, for any Unicode text.

A sentencepiece unigram model with byte fallback (Kudo and Richardson 2018). Some ids steer the model and cannot be
typed: they are control symbols, which no text encodes to.
"""

from pathlib import Path
from typing import Final

import sentencepiece

from assistant_vlm.errors import WeightsError

PAD, UNKNOWN, END, WITH_PICTURE, WITHOUT_PICTURE, QUESTION, ANSWER = range(7)
CONTROL: Final = ("<pad>", "<unk>", "<end>", "<picture>", "<no-picture>", "<question>", "<answer>")
_SPACE: Final = "\u2581"


def normalise_question(question: str) -> str:
    """A question as the model reads it: lower case, single spaces. Answers keep their case."""
    return " ".join(question.lower().split())


class Tokenizer:
    """Wraps one trained sentencepiece model.

    Raises:
        WeightsError: The bytes are no sentencepiece model, or its control symbols are not `CONTROL`.
    """

    def __init__(self, model: bytes) -> None:
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
            pieces = [self._processor.IdToPiece(i) for i in range(self._processor.GetPieceSize())]
        except (RuntimeError, OSError) as error:
            raise WeightsError(
                f"tokenizer.model: expected a sentencepiece model, got {len(model)} unreadable bytes"
            ) from error
        if tuple(pieces[: len(CONTROL)]) != CONTROL:
            raise WeightsError(
                f"tokenizer.model: expected it to start with {CONTROL}, got {tuple(pieces[: len(CONTROL)])}"
            )
        self._bytes = [
            bytes([int(piece[3:5], 16)]) if self._processor.IsByte(i) else piece.replace(_SPACE, " ").encode()
            for i, piece in enumerate(pieces)
        ]
        self._bytes[: len(CONTROL)] = [b""] * len(CONTROL)
        self._byte_ids = [self._processor.PieceToId(f"<0x{value:02X}>") for value in range(256)]

    @classmethod
    def from_file(cls, path: Path) -> "Tokenizer":
        """The tokenizer stored at `path`."""
        return cls(path.read_bytes())

    @property
    def vocab(self) -> int:
        """Number of tokens."""
        return len(self._bytes)

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`; lone surrogates, which are not text, become `?`."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = []
        for i, part in enumerate((" " + text if text else "").split(_SPACE)):
            if i:  # the space mark itself goes by bytes, or it would come back as a space
                ids += [self._byte_ids[value] for value in _SPACE.encode()]
            ids += self._processor.EncodeAsIds(part)
        return ids

    def bytes_of(self, token: int) -> bytes:
        """UTF-8 bytes a token stands for; empty for control symbols, and for a rare character only a part."""
        return self._bytes[token]

    def decode(self, ids: list[int]) -> str:
        """The text of `ids`; bytes that form no character become U+FFFD."""
        raw = b"".join(self._bytes[i] for i in ids)
        return raw.removeprefix(b" ").decode("utf-8", "replace")
