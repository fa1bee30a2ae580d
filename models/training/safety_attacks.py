"""Learn the weights of the signs of an attack, and count the frequent words of English requests.

Usage: python -m training.safety_attacks FOLDER [--write]
FOLDER holds the JSON-lines files of labelled requests with a folder ``attacks`` inside. Prints how the evaluators do on
families of texts that they have not seen, and with ``--write`` replaces ``attack_weights.json`` and
``common_words.txt`` of the plugin. Deterministic: the same folder gives the same files.

Near duplicates are put into one family before the folds are cut: half of the templates found in the wild are copies of
each other, and a fold that knows a copy would flatter.
"""

from __future__ import annotations

import base64
import codecs
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assistant_safety.attack_signs import AGAINST, EXTRA_SIGNS, SIGNS
from assistant_safety.attacks import windows_of

HERE = Path(__file__).parent / "attacks"
PLUGIN = Path(__file__).parents[2] / "plugins" / "assistant_safety"
_SHORT_WORDS = frozenset(
    re.findall(r"\w+", "a i to of in is it as or on be do if my an by me at he no so up ai we ip am go hi us")
)
NAMES = (*SIGNS, *EXTRA_SIGNS)
QUOTED = "quotes such words"
CAPS = {
    "names something dangerous": 0.0,
    "speaks of the assistant as a machine": 1.0,
    "casts a role": 1.0,
    "gives the assistant another job": 1.5,
    "wraps something dangerous": 2.4,
}
"""The most that a sign may weigh which is common in harmless texts that are not in our data."""

FOLDS = 5
ROUNDS = 3
"""How often the window that speaks for a text is chosen anew."""

Kind = Literal["injection", "jailbreak", "harmless"]


@dataclass(frozen=True, slots=True)
class Example:
    """A text, what it is, where it is from, and how much it counts."""

    text: str
    kind: Kind
    source: str
    weight: float = 1.0


def _lines(name: str) -> list[str]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.replace("\\n", "\n") for line in lines if line.strip()]


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]


def examples(folder: Path) -> list[Example]:
    """Everything to learn from: what was found in the wild, what was written for this, and seeds in our wrappings."""
    found = [Example(row["text"], "jailbreak", "wild") for row in _rows(folder / "attacks/inthewild_jailbreaks.jsonl")]
    for row in _rows(folder / "attacks/injection.jsonl"):
        if row["category"] == "Jailbreak":
            found.append(Example(row["text"], "jailbreak", "wild"))
        elif row["category"] == "Hijacking attacks":
            found.append(Example(row["text"], "injection", "wild_injections"))
        elif row["label"] == "safe":
            found.append(Example(row["text"], "harmless", "emails"))
    persona = _rows(folder / "attacks/persona_prompts.jsonl")
    found += [Example(row["text"], "harmless", "persona_prompts", 2.0) for row in persona]
    found += [Example(line, "harmless", "near_the_line", 3.0) for line in _lines("harmless.txt")]
    found += [Example(line, "injection", "written_injections", 3.0) for line in _lines("injections.txt")]
    for name in ("koala", "self_instruct", "medquad_questions", "hand_labelled", "cyberseceval_frr"):
        rows = _rows(folder / f"{name}.jsonl")
        found += [Example(row["text"], "harmless", name) for row in rows if row["label"] == "safe"]
    seeds = [row["text"] for row in _rows(folder / "advbench.jsonl")]
    choice = random.Random(0)
    for template in _lines("jailbreak_templates.txt"):
        for seed in choice.sample(seeds, 8):
            found.append(Example(template.replace("{ask}", seed), "jailbreak", f"template {template[:40]!r}", 8.0))
    codes = {
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
        "ROT13": lambda text: codecs.encode(text, "rot13"),
        "hex": lambda text: text.encode().hex(),
        "written backwards": lambda text: text[::-1],
    }
    for line in _lines("wrapped_in_code.txt"):
        for how, encode in codes.items():
            for seed in choice.sample(seeds, 3):
                text = line.replace("{how}", how).replace("{code}", encode(seed))
                found.append(Example(text, "jailbreak", f"code {how}", 2.0))
    return found


def families(texts: Sequence[str], sources: Sequence[str], threshold: float = 0.4) -> list[int]:
    """A number for each text; texts that share two fifths of their runs of five words have the same.

    Texts of one wrapping template share their number too. By union-find over an index from runs of words to texts.
    """
    parent = list(range(len(texts)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    runs: list[set[tuple[str, ...]]] = []
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        runs.append({tuple(words[at : at + 5]) for at in range(len(words) - 4)})
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    first_of: dict[str, int] = {}
    for number, mine in enumerate(runs):
        shared: Counter[int] = Counter()
        for run in mine:
            shared.update(index[run])
            index[run].append(number)
        for other, count in shared.items():
            if count >= threshold * min(len(mine), len(runs[other])):
                parent[root(number)] = root(other)
        if sources[number].startswith(("template ", "code ")):
            parent[root(number)] = root(first_of.setdefault(sources[number], number))
    return [root(number) for number in range(len(texts))]


def _matrix(text: str) -> NDArray[np.float64]:
    """The windows of a text by their signs; a text without any has one empty window."""
    windows = windows_of(text) or (None,)
    rows = np.zeros((len(windows), len(NAMES)))
    for row, window in zip(rows, windows, strict=True):
        for name in window.names if window else ():
            row[NAMES.index(name)] = 1
    return rows


def fit(
    rows: NDArray[np.float64], labels: NDArray[np.float64], counts: NDArray[np.float64], keep: float = 0.02
) -> tuple[float, NDArray[np.float64]]:
    """A logistic regression whose signs keep their sense: signs of an attack never below 0, the others never above.

    By projected gradient descent on the weighted log loss plus ``keep`` times half the squared weights.
    """
    lowest = np.array([(-4.0 if name == QUOTED else -2.5) if name in AGAINST else 0.0 for name in NAMES])
    highest = np.array([0.0 if name in AGAINST else CAPS.get(name, 6.0) for name in NAMES])
    bias, weights = -3.0, np.zeros(rows.shape[1])
    counts = np.where(labels > 0, counts / counts[labels > 0].sum(), counts / counts[labels == 0].sum()) / 2
    for _ in range(6_000):
        error = (1 / (1 + np.exp(-(bias + rows @ weights))) - labels) * counts
        bias -= 2.0 * error.sum()
        weights -= 2.0 * (rows.T @ error + keep / 20 * weights)
        weights = np.clip(weights, lowest, highest)
    return bias, weights


def learn(
    matrices: Sequence[NDArray[np.float64]], labels: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Fit on one window of each text: the one that speaks most for an attack (multiple-instance learning)."""
    rows = np.array([matrix[matrix.sum(1).argmax()] for matrix in matrices])
    bias, weights = fit(rows, labels, counts)
    for _ in range(ROUNDS - 1):
        rows = np.array([matrix[(matrix @ weights).argmax()] for matrix in matrices])
        bias, weights = fit(rows, labels, counts)
    return bias, weights


def _scores(matrices: Iterable[NDArray[np.float64]], bias: float, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([1 / (1 + np.exp(-(bias + (matrix @ weights).max()))) for matrix in matrices])


def count_words(folder: Path) -> list[str]:
    """The words that stand in at least four files and eight texts, by falling number of texts."""
    files: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    for file in sorted(folder.rglob("*.jsonl")):
        here: Counter[str] = Counter()
        for row in _rows(file):
            here.update(set(re.findall(r"[a-z]+(?:'[a-z]+)?", row["text"].lower())))
        files.update(here.keys())
        texts.update(here)
    kept = [word for word in texts if files[word] >= 4 and texts[word] >= 8 and (len(word) > 2 or word in _SHORT_WORDS)]
    return sorted(kept, key=lambda word: (-texts[word], word))


def main() -> int:
    """Learn, print, and write where asked to."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    all_examples = examples(folder)
    matrices = [_matrix(example.text) for example in all_examples]
    family = families([example.text for example in all_examples], [example.source for example in all_examples])
    order = sorted(set(family))
    random.Random(1).shuffle(order)
    fold_of = {each: number % FOLDS for number, each in enumerate(order)}
    written: dict[str, Any] = {}
    for kind in ("injection", "jailbreak"):
        # The other kind of attack is neither right nor wrong here.
        mine = [at for at, example in enumerate(all_examples) if example.kind in (kind, "harmless")]
        labels = np.array([float(all_examples[at].kind == kind) for at in mine])
        sizes = Counter(family[at] for at in mine)
        counts = np.array([all_examples[at].weight / sizes[family[at]] ** 0.5 for at in mine])
        folds = np.array([fold_of[family[at]] for at in mine])
        seen = np.zeros(len(mine))
        for fold in range(FOLDS):
            rest = [matrices[at] for at, each in zip(mine, folds, strict=True) if each != fold]
            bias, weights = learn(rest, labels[folds != fold], counts[folds != fold])
            seen[folds == fold] = _scores(
                [matrices[at] for at, each in zip(mine, folds, strict=True) if each == fold], bias, weights
            )
        print(f"{kind}: {int(labels.sum())} attacks, {len({family[at] for at in mine})} families")
        by_source: dict[str, list[int]] = defaultdict(list)
        for place, at in enumerate(mine):
            by_source[re.sub(r"^(template|code) .*", r"\1", all_examples[at].source)].append(place)
        for source, places in sorted(by_source.items()):
            shares = " ".join(f"{np.mean(seen[places] >= level):7.1%}" for level in (0.5, 0.65, 0.8))
            print(f"  {source:<22}{len(places):>5}   at 0.5, 0.65, 0.8: {shares}")
        bias, weights = learn([matrices[at] for at in mine], labels, counts)
        written[kind] = {
            "bias": round(bias, 3),
            "signs": {name: round(float(w), 3) for name, w in zip(NAMES, weights, strict=True) if abs(w) >= 0.005},
        }
    if "--write" in sys.argv:
        (PLUGIN / "attack_weights.json").write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
        (PLUGIN / "common_words.txt").write_text("\n".join(count_words(folder)) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
