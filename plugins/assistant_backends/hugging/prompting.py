"""A turn as the tokens and pixels that a processor makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assistant import ImagePart, Message, Turn
from assistant.errors import GenerationError
from assistant.intake import open_image
from assistant_backends.hugging.loading import Loaded

ANSWER_TOKENS = 512
"""The longest answer where a question does not say."""
DESCRIBE = "What is in this picture?"


@dataclass(frozen=True)
class Prompt:
    """What the model reads.

    ``images`` are the pictures in it, in order; ``left_out`` is how many earlier questions did not fit; ``room`` is how
    many tokens may be written; ``begun`` are those with which the answer begins, which come after ``inputs``.
    """

    inputs: Any
    images: tuple[ImagePart, ...]
    left_out: int
    room: int
    begun: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens stand before the answer."""
        return int(self.inputs["input_ids"].shape[1])

    def with_begun(self) -> Any:
        """The inputs with the beginning of the answer."""
        import torch

        if not self.begun:
            return self.inputs
        ids = self.inputs["input_ids"]
        given = torch.tensor([self.begun], dtype=ids.dtype, device=ids.device)
        longer = dict(self.inputs)
        longer["input_ids"] = torch.cat([ids, given], 1)
        for name, value in self.inputs.items():  # masks and kinds of tokens: text that counts
            if name != "input_ids" and isinstance(value, torch.Tensor) and value.shape == ids.shape:
                fill = torch.full_like(given, int(name == "attention_mask"), dtype=value.dtype)
                longer[name] = torch.cat([value, fill], 1)
        return longer


def prompt_of(model: Loaded, turn: Turn) -> Prompt:
    """The chat with its pictures, as much of it as the model can read.

    Raises:
        GenerationError: not even the question alone fits.
    """
    wanted = turn.settings.max_tokens or ANSWER_TOKENS
    begun: tuple[int, ...] = tuple(model.tokenizer.encode(turn.begun, add_special_tokens=False)) if turn.begun else ()
    left_out = 0
    while True:
        inputs, images = _inputs(model, turn, left_out)
        tokens = int(inputs["input_ids"].shape[1]) + len(begun)
        room = min(wanted, model.most - tokens) if model.most else wanted
        if room >= min(wanted, max(1, model.most // 8)):
            return Prompt(inputs, images, left_out, room, begun)
        if left_out == len(turn.history) and begun:
            raise GenerationError(
                f"The question and what is written of the answer have {tokens:,} tokens, and the model reads and "
                f"writes at most {model.most:,} together.",
                hint="Ask a question about the rest.",
            )
        if left_out == len(turn.history):
            raise GenerationError(
                f"The question has {tokens:,} tokens with its pictures, and the model reads and writes at most "
                f"{model.most:,} together.",
                hint="Ask in fewer words or with fewer pictures.",
            )
        left_out += (len(turn.history) - left_out + 1) // 2


def _inputs(model: Loaded, turn: Turn, left_out: int) -> tuple[Any, tuple[ImagePart, ...]]:
    said: list[dict[str, Any]] = []
    images: list[ImagePart] = []
    for exchange in turn.history[left_out:]:
        said.append({"role": "user", "content": _content(exchange.question)})
        said.append({"role": "assistant", "content": [{"type": "text", "text": exchange.answer}]})
        images += exchange.question.images
    question = turn.question
    if not images and not question.images and turn.images:  # their question was left out, and this one is about them
        question = question.model_copy(update={"images": turn.images})
    said.append({"role": "user", "content": _content(question)})
    images += question.images
    text = model.processor.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    pictures = [open_image(image).convert("RGB") for image in images]
    inputs = model.processor(text=text, images=pictures or None, return_tensors="pt")
    return inputs.to(model.network.device), tuple(images)


def _content(message: Message) -> list[dict[str, Any]]:
    return [{"type": "image"} for _ in message.images] + [{"type": "text", "text": message.text or DESCRIBE}]
