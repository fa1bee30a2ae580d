"""How likely a model is to answer with a given text."""

from __future__ import annotations

from typing import Any

from assistant_backends.hugging.loading import Loaded
from assistant_backends.hugging.prompting import Prompt
from assistant_backends.hugging.writing import ends_of, generate, only


def logprob_of(model: Loaded, prompt: Prompt, text: str) -> float:
    """The logarithm of the probability that the answer is this text and ends there."""
    tokens: list[int] = [*model.tokenizer.encode(text, add_special_tokens=False), *sorted(ends_of(model))[:1]]
    counter = _counter(tokens)
    generate(model, prompt.inputs, len(tokens), counter, lambda: False)
    return counter.total


def _counter(tokens: list[int]) -> Any:
    import torch
    from transformers import LogitsProcessor

    class Counter(LogitsProcessor):
        """Writes the tokens and adds up how likely each was."""

        def __init__(self) -> None:
            self.total = 0.0
            self._left = iter(tokens)

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            token = next(self._left)
            self.total += float(torch.log_softmax(scores[0].float(), -1)[token])
            return only(scores, token)

    return Counter()
