"""Search for a likely whole answer by following several at once.

Source: Wu et al. 2016, "Google's Neural Machine Translation System", section 7 (beam search with length normalisation).
Changed: a score is divided by a plain power of the length, and the search ends only when no open answer can win.
"""

from collections.abc import Callable
from dataclasses import dataclass

from assistant_vlm.decoder import Decoder
from assistant_vlm.generation import Walk
from assistant_vlm.picking import answer_logprobs
from assistant_vlm.reader import Reading
from assistant_vlm.settings import GenerationSettings
from assistant_vlm.tokenizer import END
from assistant_vlm.tree import Tree


@dataclass(frozen=True)
class _Open:
    """An answer that is not finished; `node` is its last token's number in the tree."""

    total: float
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    node: int
    walk: Walk | None


def beam_search(
    decoder: Decoder,
    reading: Reading,
    settings: GenerationSettings,
    room: int,
    walk: Walk | None,
    should_stop: Callable[[], bool],
) -> list[tuple[int, float]]:
    """Tokens of the best answer found, without its end, each with its log-probability; the same ones every time.

    An answer's score is the sum of its tokens' log-probabilities, the end included, over their number to the power of
    `settings.length_power`. Answers that reach `room` are scored as they are.

    Args:
        decoder: The network's decoder.
        reading: The question, read. It is left as it is.
        settings: How many answers to follow, and how to score them.
        room: Most tokens.
        walk: Holds the answer to a closed list; None for free text.
        should_stop: Asked before each token; True takes the best answer so far.
    """
    power = settings.length_power
    tree = Tree(decoder, reading.memory, reading.cache, settings.beams * room, reading.sites)
    open_ones = [_Open(0.0, (), (), -1, walk)]
    done: list[tuple[float, _Open]] = []
    logprobs = answer_logprobs(reading.logits.clone()[None], first=True)
    read = 0
    for length in range(1, room + 1):
        candidates: list[tuple[float, int, int, float]] = []
        for row, one in enumerate(open_ones):
            scores = logprobs[row] if one.walk is None else one.walk.allowed(logprobs[row])
            best, tokens = scores.sort(descending=True, stable=True)
            count = settings.beams + 1
            for more, token in zip(best[:count].tolist(), tokens[:count].tolist(), strict=True):
                if more > float("-inf"):
                    candidates.append((one.total + more, row, token, more))
        candidates.sort(key=lambda c: (-c[0], c[1], c[2]))
        following: list[_Open] = []
        for total, row, token, more in candidates:
            if len(following) == settings.beams:
                break
            one = open_ones[row]
            if token == END:
                done.append((total / length**power, one))
                continue
            onward = None if one.walk is None else one.walk.after(token)
            following.append(_Open(total, (*one.tokens, token), (*one.logprobs, more), one.node, onward))
        done.sort(key=lambda d: -d[0])
        open_ones = following
        if not open_ones or should_stop():
            break
        if len(done) >= settings.beams and open_ones[0].total / room**power <= done[0][0]:
            break
        if length == room:
            break
        logprobs = answer_logprobs(
            tree.read([one.tokens[-1] for one in open_ones], [one.node for one in open_ones]), first=False
        )
        open_ones = [_Open(o.total, o.tokens, o.logprobs, read + i, o.walk) for i, o in enumerate(open_ones)]
        read += len(open_ones)
    if walk is None or not done:
        done += [(one.total / len(one.tokens) ** power, one) for one in open_ones]
    best_one = max(done, key=lambda d: d[0])[1]
    return list(zip(best_one.tokens, best_one.logprobs, strict=True))
