"""How likely an answer is right, learned from held-out answers that were marked right or wrong.

A logistic model over the probabilities the decoder gave to its own tokens (Platt 1999, with more than one feature). Its
weights are fitted by `training.calibrate` and stored in `config.json`.
"""

import math
from collections.abc import Sequence
from typing import Final

from assistant_vlm.generation import Step

FEATURES: Final = ("one", "mean logprob", "least logprob", "first logprob", "total logprob", "log of tokens")
_WORST: Final = -12.0


def features(logprobs: Sequence[float]) -> tuple[float, ...]:
    """The features named in `FEATURES`; log-probabilities are cut at a floor: one token must not drown the rest."""
    cut = [max(_WORST, value) for value in logprobs]
    total = sum(cut)
    return 1.0, total / len(cut), min(cut), cut[0], max(_WORST, total), math.log(len(cut))


def probability(steps: Sequence[Step], weights: Sequence[float]) -> float:
    """Calibrated probability in [0, 1] that the answer is right; 0 for no answer."""
    if not steps:
        return 0.0
    score = sum(w * f for w, f in zip(weights, features([s.logprob for s in steps]), strict=True))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, score))))
