"""Fit how far the model's probabilities can be trusted, and choose below which an answer is withheld.

`python -m training.calibrate --data FOLDER --weights FOLDER` rewrites `config.json` of the weights folder.

The answers come from an unseen seed of the generator and from held-out rows that `training.evaluate` does not use,
wrong answers and classes that training never showed included; a caption is right when it agrees with those of people.
The threshold is the lowest one at which at least `--target` of the answers that are kept are right; where that would
withhold more than `--most-declined` of them, it is the highest one that does not.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from assistant_vlm import LoadedModel, load
from assistant_vlm.confidence import features, score
from assistant_vlm.config import write_config
from assistant_vlm.weight_sets import CONFIG_FILE
from training.answers import Answered
from training.datasets import OPEN_SETS, read_data
from training.evaluate import generated_trials
from training.export import write_file
from training.talk import trained_examples
from training.trials import CALIBRATION, Trial, answers, of_noise, of_rows, of_unknown, read_unknown, without_picture

SEED = 5003


def fit(rows: list[tuple[float, ...]], right: list[bool], ridge: float = 1.0, rounds: int = 50) -> tuple[float, ...]:
    """Weights of a logistic model by Newton's method, drawn to 0 by `ridge` lest few answers make them huge."""
    x = torch.tensor(rows, dtype=torch.float64)
    y = torch.tensor(right, dtype=torch.float64)
    weights = torch.zeros(x.shape[1], dtype=torch.float64)
    pull = torch.full((x.shape[1],), ridge, dtype=torch.float64)
    for _ in range(rounds):
        p = (x @ weights).sigmoid()
        gradient = x.T @ (p - y) + pull * weights
        curvature = (x.T * (p * (1 - p))) @ x + pull.diag()
        weights = weights - torch.linalg.solve(curvature, gradient)
    return tuple(round(float(w), 6) for w in weights)


def curve(scores: Sequence[float], right: Sequence[bool], least: int = 50) -> tuple[tuple[float, float], ...]:
    """Points (mean score, share right) of runs of `least` answers or more, joined until the share never falls.

    Source: Ayer et al. 1955, the pool-adjacent-violators algorithm. One answer half right is added to each run, so that
    no probability is 0 or 1.
    """
    ordered = sorted(zip(scores, right, strict=True))
    runs: list[list[tuple[float, bool]]] = []
    for start in range(0, len(ordered), least):
        runs.append(ordered[start : start + least])
        while len(runs) > 1 and (
            len(runs[-1]) < least or _share(runs[-2]) >= _share(runs[-1]) or _mean(runs[-2]) >= _mean(runs[-1])
        ):
            runs[-2:] = [runs[-2] + runs[-1]]
    return tuple((_mean(run), round(_share(run), 4)) for run in runs)


def _mean(run: Sequence[tuple[float, bool]]) -> float:
    return round(sum(score for score, _ in run) / len(run), 4)


def _share(run: Sequence[tuple[float, bool]]) -> float:
    """Share of right answers in a run of (score, right), drawn a little to a half."""
    return (sum(right for _, right in run) + 0.5) / (len(run) + 1)


def threshold(confidences: Tensor, right: Tensor, target: float, most_declined: float) -> float:
    """The threshold of the module's rule, on a grid of hundredths."""
    chosen = 0.0
    for hundredth in range(1, 100):
        if bool((right[confidences >= chosen]).double().mean() >= target):
            break
        candidate = hundredth / 100
        if float((confidences < candidate).double().mean()) > most_declined:
            break
        chosen = candidate
    return chosen


def with_image(model: LoadedModel, data: Path | None, sets: Sequence[str], n: int) -> list[Answered]:
    """Answers about pictures, right and wrong."""
    dev = None if data is None else read_data(data, sets)["dev"]
    trials = generated_trials(SEED, n, model.config.side, dev) + of_noise(SEED, n // 12)
    if data is not None and dev is not None:
        for name in dev.rows:
            trials += of_rows(dev, name, SEED, n // 12, CALIBRATION)
        if unknown := read_unknown(data, sets):
            trials += of_unknown(unknown, SEED, n // 12, CALIBRATION)
    return answers(model, trials)


def without_image(model: LoadedModel, n: int) -> list[Answered]:
    """Answers without a picture: asked about one all the same, or talk with slips of the finger."""
    talk = [Trial(None, (asked,)) for asked in trained_examples(SEED, n // 8)]
    return answers(model, without_picture(SEED, n // 16) + talk)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the open-*.parquet files")
    parser.add_argument("--sets", nargs="+", default=OPEN_SETS, help="the sets that the weights were trained on")
    parser.add_argument("--weights", type=Path, required=True, help="the weights folder to rewrite")
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--target", type=float, default=0.93)
    parser.add_argument("--most-declined", type=float, default=0.4)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load(options.weights)
    pictures, talk = with_image(model, options.data, options.sets, options.n), without_image(model, options.n)
    fitted = [fit([features([s.logprob for s in a.steps]) for a in g], [a.right for a in g]) for g in (pictures, talk)]
    scores = [score([s.logprob for s in a.steps], fitted[0]) for a in pictures]
    model.card = replace(
        model.card,
        confidence_with_image=fitted[0],
        confidence_without_image=fitted[1],
        curve_with_image=curve(scores, [a.right for a in pictures]),
    )
    confidences = torch.tensor([model.confidence(a.steps, a.image_given) for a in pictures])
    right = torch.tensor([a.right for a in pictures])
    model.card = replace(model.card, abstain_below=threshold(confidences, right, options.target, options.most_declined))
    write_file(options.weights / CONFIG_FILE, write_config(model.config, model.card).encode())
    kept = confidences >= model.card.abstain_below
    print(
        {
            "answers": len(pictures),
            "right": round(float(right.double().mean()), 4),
            "abstain below": model.card.abstain_below,
            "kept": round(float(kept.double().mean()), 4),
            "right of kept": round(float(right[kept].double().mean()), 4),
        }
    )


if __name__ == "__main__":
    main()
