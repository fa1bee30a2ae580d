"""Choose the next token by its probability.

Nucleus sampling after Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1.
"""

from typing import Annotated

import torch
from torch import Tensor

from assistant_vlm.settings import GenerationSettings
from assistant_vlm.tokenizer import CONTROL, END

_NEVER = float("-inf")


def answer_logprobs(logits: Annotated[Tensor, "... vocab"], first: bool) -> Annotated[Tensor, "... vocab"]:
    """Log-probabilities of an answer's next token. Marks other than the end never come, and the end never first.

    Args:
        logits: Scores of all tokens; they are overwritten.
        first: Whether the answer has no token yet.
    """
    end = None if first else logits[..., END].clone()
    logits[..., : len(CONTROL)] = _NEVER
    if end is not None:
        logits[..., END] = end
    return logits.log_softmax(dim=-1)


def pick(logprobs: Annotated[Tensor, "vocab"], settings: GenerationSettings, generator: torch.Generator) -> int:
    """The next token by `settings`; `logprobs` are log-probabilities of the whole vocabulary.

    A draw is a race: each token has a waiting time of its own, shorter the likelier it is, and the first one wins
    (Gumbel 1954, in its exponential form). So the last digits of a probability, which depend on what else is computed
    beside it, hardly ever change the token; they would if one number were looked up in the running sum.
    """
    if settings.temperature == 0:
        return int(logprobs.argmax())
    probabilities = (logprobs / settings.temperature).softmax(dim=-1)
    if settings.top_p < 1:
        ordered, tokens = probabilities.sort(descending=True, stable=True)
        outside = tokens[ordered.cumsum(0) - ordered >= settings.top_p]
        probabilities = probabilities.index_fill(0, outside, 0.0)
    waits = torch.empty_like(probabilities).exponential_(generator=generator)
    return int((probabilities / waits).argmax())
