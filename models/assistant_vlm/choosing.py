"""Score a closed list of answers.

The log-probability of an option is that of writing exactly it: of each of its tokens, and of the end after them.
Without a beam all of them are scored, level by level of their trie. With one, only the likeliest beginnings of each
length are followed; a beam at least as wide as the widest level of the trie (the number of options is always enough)
leaves nothing out and gives the same result.

Where nothing but a picture's name is asked for and all options are names that the picture half knows, its classifier
decides: the decoder sees no more of the picture than that, and loses much of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from assistant_vlm.decoder import Decoder
from assistant_vlm.picking import answer_logprobs
from assistant_vlm.reader import Reading
from assistant_vlm.tokenizer import END
from assistant_vlm.tree import Tree
from assistant_vlm.trie import Trie


@dataclass(frozen=True)
class Choice:
    """One option of a closed list.

    Attributes:
        option: Its text.
        logprob: Natural logarithm of the probability that the model writes just this, the end included; where the names
            of the picture half decide, of that name among all it knows.
        probability: Its share among the options that were scored, in [0, 1]; the shares of all sum to 1.
    """

    option: str
    logprob: float
    probability: float


def by_guess(options: Sequence[str], logprobs: Annotated[Tensor, "options"]) -> list[Choice]:
    """The options by the name that the picture half sees, best first; equal ones in their own order."""
    ranked: list[int] = logprobs.argsort(descending=True, stable=True).tolist()
    shares: list[float] = logprobs.softmax(0).tolist()
    return [Choice(options[i], float(logprobs[i]), shares[i]) for i in ranked]


def score(decoder: Decoder, reading: Reading, trie: Trie, beam: int | None) -> list[Choice]:
    """The options with their scores, best first; equal ones in their own order. With a beam, those it reached.

    Args:
        decoder: The network's decoder.
        reading: The question, read. It is left as it is.
        trie: The options.
        beam: Beginnings to follow at each length; None for all.
    """
    room = len(trie) if beam is None else min(len(trie), beam * trie.longest)
    tree = Tree(decoder, reading.memory, reading.cache, room, reading.sites)
    logprobs = answer_logprobs(reading.logits.clone()[None], first=True)
    done: dict[int, float] = {}
    level, scores, first_number, count = [0], [0.0], -1, 0
    while level:
        rows: list[int] = []
        tokens: list[int] = []
        nodes: list[int] = []
        for row, node in enumerate(level):
            for token, child in trie.children[node].items():
                rows.append(row)
                tokens.append(token)
                nodes.append(child)
        ends = logprobs[:, END].tolist()
        for row, node in enumerate(level):
            if trie.option[node] >= 0:
                done[trie.option[node]] = scores[row] + ends[row]
        if not nodes:
            break
        added = logprobs[torch.tensor(rows), torch.tensor(tokens)].tolist()
        totals = [scores[row] + more for row, more in zip(rows, added, strict=True)]
        chosen = range(len(nodes))
        if beam is not None and beam < len(nodes):
            chosen = sorted(chosen, key=lambda i: -totals[i])[:beam]
        parents = [-1 if first_number < 0 else first_number + rows[i] for i in chosen]
        logprobs = answer_logprobs(tree.read([tokens[i] for i in chosen], parents), first=False)
        level, scores = [nodes[i] for i in chosen], [totals[i] for i in chosen]
        first_number, count = count, count + len(level)
    ranked = sorted(done.items(), key=lambda item: (-item[1], item[0]))
    best = ranked[0][1]
    whole = sum(math.exp(logprob - best) for _, logprob in ranked)
    return [Choice(trie.options[i], logprob, math.exp(logprob - best) / whole) for i, logprob in ranked]
