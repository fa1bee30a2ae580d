"""The names that the picture half learns to guess: every label of the data, spelled as an answer says it."""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from assistant_vlm.tokenizer import END, Tokenizer
from training.asking import said
from training.datasets import VisionData

_PART = "name_guess."


def answer_names(data: VisionData | None) -> tuple[str, ...]:
    """What an answer calls each label, in the order of `VisionData.label_space`; none without data."""
    if data is None:
        return ()
    parted = [label.split(":", 1) for label in data.label_space]
    return tuple(said(set_name, label) for set_name, label in parted)


def spelling(names: Sequence[str], tokenizer: Tokenizer, name_tokens: int) -> Annotated[Tensor, "names name_tokens"]:
    """Token ids of names, the very ones of an answer that says them: cut, or filled up with `END`."""
    rows = [(tokenizer.encode(name) + [END] * name_tokens)[:name_tokens] for name in names]
    return torch.tensor(rows, dtype=torch.long).view(len(names), name_tokens)


def taken_over(own: dict[str, Tensor], found: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights `found` of another network, in the names of a network whose weights are `own`.

    What the other network learned of a name goes to the name that is spelled alike; other names stay as they are.
    """
    rest = {key: value for key, value in found.items() if not key.startswith(_PART)}
    guess = {key: value.clone() for key, value in own.items() if key.startswith(_PART)}
    spelled, others = guess.get(f"{_PART}spelling"), found.get(f"{_PART}spelling")
    if spelled is None or others is None or spelled.shape[1] != others.shape[1]:
        return rest | guess
    places = {tuple(row): i for i, row in enumerate(others.tolist())}
    pairs = [(i, places[tuple(row)]) for i, row in enumerate(spelled.tolist()) if tuple(row) in places]
    ours, theirs = [i for i, _ in pairs], [i for _, i in pairs]
    for key, value in guess.items():
        if key.startswith(f"{_PART}scores."):
            value[ours] = found[key][theirs]
        elif not key.endswith(".spelling"):
            guess[key] = found[key]
    return rest | guess
