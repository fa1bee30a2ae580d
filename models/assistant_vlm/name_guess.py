"""What the picture half takes the picture for, passed on to the decoder as tokens that it may copy.

A classifier on the class token's vector scores every name. The names it finds likeliest are mixed, token by token, from
the decoder's own embeddings, and join the decoder's memory as further keys. The decoder may copy them or not; whoever
watches can read which name it was, and put another one in its place.

Source: Koh et al. 2020, "Concept Bottleneck Models", section 2. Changed: the guess stands beside the rest of the memory
and is no bottleneck alone, and the concepts are the names that an answer may say.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import torch
from torch import Tensor, nn

from assistant_vlm.config import ModelConfig
from assistant_vlm.norm import Norm
from assistant_vlm.sites import Sites
from assistant_vlm.tokenizer import END

LIKELIEST: Final = 8
"""Names that are mixed; the others count as impossible."""


class NameGuess(nn.Module):
    """From the class token's vector to keys of the decoder's memory.

    Only what learns from `scores` itself teaches them: no gradient of the keys reaches the scores, the picture half or
    the embedding.

    Attributes:
        spelling: Token ids of each name, `[names name_tokens]`: as an answer says it, longer ones cut, shorter ones
            filled up with `tokenizer.END`. Part of the weights.

    Args:
        config: With `names` and `name_tokens` above 0.
    """

    spelling: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.scores = nn.Linear(config.dim, config.names)
        self.norm = Norm(config.norm, config.dim)
        # As loud as the places that patches are told: what starts far quieter stays unheard.
        self.places = nn.Parameter(0.7 * torch.randn(config.name_tokens + 1, config.dim))
        self.sure = nn.Parameter(torch.randn(config.dim))
        self.register_buffer("spelling", torch.full((config.names, config.name_tokens), END))

    def forward(
        self,
        whole: Annotated[Tensor, "batch dim"],
        embedding: Annotated[Tensor, "vocab dim"],
        sites: Sites | None = None,
        hints: Annotated[Tensor, "batch names"] | None = None,
    ) -> Annotated[Tensor, "batch keys dim"]:
        """One key for each token of the guessed name, then one that says how sure the guess is.

        Args:
            whole: The class token's vector of each picture.
            embedding: The decoder's vectors of all tokens.
            sites: Who watches: `name_guess.scores`, `name_guess.probabilities` (both of all names) and
                `name_guess.keys`.
            hints: In training, added to the scores.
        """
        at = None if sites is None else sites.within("name_guess")
        scores = self.scores(whole.detach()).detach()
        if hints is not None:
            scores = scores + hints
        if at is not None:
            scores = at.visit("scores", scores)
        probabilities = scores.float().softmax(-1)
        if at is not None:
            probabilities = at.visit("probabilities", probabilities)
        keys = self.keys(probabilities, embedding.detach()).to(whole.dtype)
        return keys if at is None else at.visit("keys", keys)

    def scores_of(
        self, whole: Annotated[Tensor, "dim"], answers: Sequence[Sequence[int]]
    ) -> Annotated[Tensor, "answers"] | None:
        """Log-probability that the picture has the name that each answer says; None where one says no known name.

        Args:
            whole: The class token's vector of the picture.
            answers: Token ids of each answer, without its end.
        """
        length = self.spelling.shape[1]
        numbers: dict[tuple[int, ...], list[int]] = {}
        for number, spelled in enumerate(self.spelling.tolist()):
            numbers.setdefault(tuple(spelled), []).append(number)
        named = [numbers.get((*answer[:length], *[END] * (length - len(answer)))) for answer in answers]
        logprobs = self.scores(whole).float().log_softmax(-1)
        found = [logprobs[numbers].logsumexp(0) for numbers in named if numbers is not None]
        return torch.stack(found) if len(found) == len(named) else None

    def keys(
        self, probabilities: Annotated[Tensor, "batch names"], embedding: Annotated[Tensor, "vocab dim"]
    ) -> Annotated[Tensor, "batch keys dim"]:
        """The keys for these probabilities of all names."""
        share, names = probabilities.topk(min(LIKELIEST, probabilities.shape[-1]))
        surest = share[:, :1]
        share = share / share.sum(-1, keepdim=True).clamp_min(1e-9)
        spelled = self.norm(embedding[self.spelling[names]])
        mixed = (share[:, :, None, None] * spelled).sum(1)
        return torch.cat((mixed, (surest * self.sure)[:, None]), dim=1) + self.places
