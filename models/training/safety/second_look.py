"""Would a critic of our own be worth its place behind the evaluator ``learned``? Two candidates, sources left out.

Usage, in ``models``: python -m training.safety.second_look --data FOLDER [--contrasts N] [--net]

``head``: logistic regression on the hidden states of the bundled model's decoder, without a picture. ``net`` (with
``--net``, about an hour): a small attention network over hashed words and their letters. Prints areas under the ROC
curve alone and added to ``learned``, then how much of safe and harmful requests a band below the threshold would hand
on to a critic, and a final JSON line. FOLDER is that of ``training.safety``.
"""

from __future__ import annotations

import argparse
import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from assistant_vlm import load_named
from assistant_vlm.sites import Sites
from training.safety.contrasts import contrasts
from training.safety.learner import features_of
from training.safety.measure import FOLDS, left_out
from training.safety.sources import Row, read_folder
from training.safety.written import written

Scores = npt.NDArray[np.float64]

LONGEST = 800
WEIGHT = 0.25
"""Of a candidate's standardised score, where it is added to that of ``learned``."""
BUCKETS, WORDS, PIECES = 1 << 14, 64, 8
"""Of the net: rows of its table; words of a text, half from its beginning and half from its end; hashes of a word."""


def area_under_curve(scores: npt.ArrayLike, harmful: npt.ArrayLike) -> float:
    """The chance that a harmful text scores higher than a safe one; ties count half (Mann and Whitney, 1947)."""
    values, labels = np.asarray(scores, dtype=np.float64), np.asarray(harmful, dtype=bool)
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    over, under = labels.sum(), (~labels).sum()
    return float((ranks[labels].sum() - over * (over + 1) / 2) / (over * under))


def handed_on(odds: Scores, threshold: float, width: float) -> npt.NDArray[np.bool_]:
    """Which texts a second look would get: those up to ``width`` below the threshold, in log odds."""
    return (odds < threshold) & (odds >= threshold - width)


@torch.inference_mode()
def hidden_states(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Mean and maximum over the tokens in the middle of the decoder, mean and last at its end."""
    model = load_named("open")
    middle = f"decoder.{model.config.decoder_layers // 2}.resid_post"
    found: list[npt.NDArray[np.float32]] = []
    for text in texts:
        sites = Sites(model.config, read=[middle, "decoder.out"])
        model.reader.read(model.prefix(text, (), False), None, sites)
        half, end = (sites.values[name][-1].flatten(0, -2) for name in (middle, "decoder.out"))
        found.append(torch.cat([half.mean(0), half.amax(0), end.mean(0), end[-1]]).numpy())
    return np.stack(found)


def head(states: Tensor, labels: Tensor, inside: Tensor) -> Scores:
    """Learn a head on the rows that are not inside, and score those that are."""
    mean, deviation = states[~inside].mean(0), states[~inside].std(0) + 1e-4
    scaled, known, wanted = (states - mean) / deviation, (~inside).nonzero()[:, 0], labels[~inside]
    layer = nn.Linear(states.shape[1], 1)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=1e-2, weight_decay=0.1)
    weight = (1 - wanted).sum() / wanted.sum()
    for _ in range(300):
        some = torch.randint(len(known), (512,))
        loss = binary_cross_entropy_with_logits(layer(scaled[known[some]])[:, 0], wanted[some], pos_weight=weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return layer(scaled[inside])[:, 0].double().numpy()


def hashes_of(text: str) -> npt.NDArray[np.int64]:
    """For each word of a text its own hash and those of four letters of it at a time; 0 is nothing."""
    words = re.findall(r"[a-z0-9']+|[?!]", text.lower())
    words = words[: WORDS // 2] + words[max(WORDS // 2, len(words) - WORDS // 2) :]
    table = np.zeros((WORDS, PIECES), dtype=np.int64)
    for row, word in enumerate(words[:WORDS]):
        marked = f"<{word}>"
        pieces = [word, *(marked[at : at + 4] for at in range(max(1, len(marked) - 3)))][:PIECES]
        table[row, : len(pieces)] = [1 + zlib.crc32(piece.encode()) % (BUCKETS - 1) for piece in pieces]
    return table


class Net(nn.Module):
    """Two layers of attention over words that are sums of hashed pieces."""

    def __init__(self, dim: int = 64) -> None:
        super().__init__()
        self.pieces = nn.EmbeddingBag(BUCKETS, dim, mode="sum", padding_idx=0)
        self.places = nn.Parameter(torch.randn(WORDS, dim) * 0.02)
        layer = nn.TransformerEncoderLayer(dim, 4, 2 * dim, dropout=0.2, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.dropped, self.out = nn.Dropout(0.3), nn.Linear(2 * dim, 1)

    def forward(self, hashes: Tensor) -> Tensor:
        """The log odds of each text."""
        real = hashes[:, :, 0] > 0
        most = max(1, int(real.sum(1).max()))
        hashes, real = hashes[:, :most], real[:, :most].clone()
        real[:, 0] = True
        words = self.pieces(hashes.flatten(0, 1)).unflatten(0, hashes.shape[:2]) + self.places[:most]
        words = self.layers(self.dropped(words), src_key_padding_mask=~real)
        mean = words.masked_fill(~real[..., None], 0).sum(1) / real.sum(1, keepdim=True)
        return self.out(torch.cat([mean, words.masked_fill(~real[..., None], -1e4).amax(1)], 1))[:, 0]


def net(hashes: Tensor, labels: Tensor, inside: Tensor, passes: int = 2) -> Scores:
    """Learn a net on the rows that are not inside, and score those that are."""
    made, known = Net(), (~inside).nonzero()[:, 0]
    optimiser = torch.optim.AdamW(made.parameters(), lr=2e-3, weight_decay=0.05)
    weight = (1 - labels[known]).sum() / labels[known].sum()
    steps = passes * (len(known) // 64 + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps, pct_start=0.15)
    for _ in range(passes):
        for some in known[torch.randperm(len(known))].split(64):
            loss = binary_cross_entropy_with_logits(made(hashes[some]), labels[some], pos_weight=weight)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(made.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    with torch.inference_mode():
        return torch.cat([made.eval()(part) for part in hashes[inside].split(256)]).double().numpy()


def _standard(scores: Scores) -> Scores:
    return (scores - scores.mean()) / scores.std()


def _mean_over_sources(rows: Sequence[Row], chosen: npt.NDArray[np.bool_], harmful: bool) -> float:
    shares = [
        float(
            chosen[
                [number for number, row in enumerate(rows) if row.source == source and row.harmful == harmful]
            ].mean()
        )
        for source in sorted({row.source for row in rows if row.harmful == harmful})
    ]
    return float(np.mean(shares))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.safety.second_look", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--contrasts", type=int, default=2000)
    parser.add_argument("--net", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    core = [row for row in read_folder(given.data) if any(row.source in fold for fold in FOLDS)]
    rows = [*core, *written() * 2, *contrasts(given.contrasts)]
    odds = left_out(rows, [features_of(row.text) for row in rows])
    learned = np.array([odds[number] for number in range(len(core))])
    labels = torch.tensor([float(row.harmful) for row in rows])
    states = torch.from_numpy(hidden_states([row.text[:LONGEST] for row in core]))
    hashes = torch.from_numpy(np.stack([hashes_of(row.text) for row in rows])) if given.net else None
    table: list[dict[str, float | str]] = []
    for fold in FOLDS:
        inside = torch.tensor([row.source in fold for row in rows])
        here = inside[: len(core)].numpy()
        truth = labels[inside].numpy() > 0.5
        line: dict[str, float | str] = {"left_out": ", ".join(fold)}
        candidates: dict[str, Scores] = {"head": head(states, labels[: len(core)], inside[: len(core)])}
        if hashes is not None:
            candidates["net"] = net(hashes, labels, inside)
        line["learned"] = round(area_under_curve(learned[here], truth), 3)
        for name, scores in candidates.items():
            both = _standard(learned[here]) + WEIGHT * _standard(scores)
            line |= {
                name: round(area_under_curve(scores, truth), 3),
                f"with_{name}": round(area_under_curve(both, truth), 3),
            }
        table.append(line)
        print(line, flush=True)
    means = {name: round(float(np.mean([line[name] for line in table])), 3) for name in table[0] if name != "left_out"}
    print("mean", means)
    bands: list[dict[str, float]] = []
    for refused in (0.10, 0.05):
        threshold = next(t for t in np.arange(-6, 8, 0.05) if _mean_over_sources(core, learned >= t, False) <= refused)
        for width in (0.5, 1.0):
            band = handed_on(learned, float(threshold), width)
            bands.append(
                {
                    "blocked": round(_mean_over_sources(core, learned >= threshold, True), 3),
                    "refused": round(_mean_over_sources(core, learned >= threshold, False), 3),
                    "width": width,
                    "safe_handed_on": round(_mean_over_sources(core, band, False), 3),
                    "harmful_handed_on": round(_mean_over_sources(core, band, True), 3),
                }
            )
            print(bands[-1])
    print(json.dumps({"benchmark": "second_look", "left_out": table, "mean": means, "bands": bands}))


if __name__ == "__main__":
    main()
