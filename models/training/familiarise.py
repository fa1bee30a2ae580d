"""Learn where the training pictures lie, so that a picture unlike them can be told.

`python -m training.familiarise --weights FOLDER [--data FOLDER]` writes `familiarity.safetensors` and the limit
`unfamiliar_above` of `config.json`. The domains are the generated sources and the sets, one centre for each. The
limit is the distance that `--keep` of the held-out pictures of the same domains do not exceed, each counted alike.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import torch
from PIL import Image
from torch import Tensor

from assistant_vlm import LoadedModel, load
from assistant_vlm.config import write_config
from assistant_vlm.familiarity import Familiarity, fit
from assistant_vlm.weight_sets import CONFIG_FILE, FAMILIARITY_FILE
from training.datasets import OPEN_SETS, Part, VisionData, read_data
from training.export import write_file
from training.trials import Trial, generated, of_rows

SEED: Final = 6007
SOURCES: Final = ("scenes", "charts", "boxes")


def pictures(trials: Iterable[Trial]) -> list[Image.Image]:
    """The pictures of trials that have one."""
    return [trial.picture for trial in trials if trial.picture is not None]


def by_domain(
    parts: dict[Part, VisionData] | None, part: Part, seed: int, n: int, side: int
) -> dict[str, list[Image.Image]]:
    """Up to `n` pictures of each generated source, and of each set's rows of `part`."""
    found = {source: pictures(generated(source, seed, n, side)) for source in SOURCES}
    if parts is not None:
        found |= {name: pictures(of_rows(parts[part], name, seed, n, half=None)) for name in parts[part].rows}
    return {name: those for name, those in found.items() if those}


def means(model: LoadedModel, those: Sequence[Image.Image]) -> Annotated[Tensor, "pictures dim"]:
    """The mean of each picture's patches."""
    return torch.stack([model.encode_image(one).mean.clone() for one in those])


def fitted(model: LoadedModel, domains: dict[str, list[Image.Image]]) -> Familiarity:
    """Centres and covariance of these pictures."""
    numbers = torch.cat([torch.full((len(those),), i) for i, those in enumerate(domains.values())])
    return fit(torch.cat([means(model, those) for those in domains.values()]), numbers)


def limit(model: LoadedModel, known: Familiarity, domains: dict[str, list[Image.Image]], keep: float) -> float:
    """The distance that a share of `keep` of these pictures do not exceed, each domain counted alike."""
    distances = [known.distances(means(model, those)) for those in domains.values()]
    weights = torch.cat([torch.full_like(those, 1 / (len(those) * len(distances))) for those in distances])
    ordered, places = torch.cat(distances).sort()
    reached = int((weights[places].cumsum(0) < keep).sum())
    return round(float(ordered[min(reached, len(ordered) - 1)]), 4)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="the weights folder to complete")
    parser.add_argument("--data", type=Path, help="folder with the Parquet files; without it, generated pictures only")
    parser.add_argument("--sets", nargs="+", default=OPEN_SETS, help="the sets that the weights were trained on")
    parser.add_argument("--n", type=int, default=300, help="pictures of each domain")
    parser.add_argument("--keep", type=float, default=0.97)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load(options.weights)
    parts = read_data(options.data, options.sets) if options.data else None
    known = fitted(model, by_domain(parts, "train", SEED, options.n, model.config.side))
    held_out = by_domain(parts, "dev", SEED + 1, options.n // 2, model.config.side)
    above = limit(model, known, held_out, options.keep)
    write_file(options.weights / FAMILIARITY_FILE, known.to_bytes())
    card = replace(model.card, unfamiliar_above=above)
    write_file(options.weights / CONFIG_FILE, write_config(model.config, card).encode())
    strange = {name: known.distances(means(model, those)) > above for name, those in held_out.items()}
    shares = {name: round(float(those.double().mean()), 4) for name, those in strange.items()}
    print({"domains": len(known.centres), "unfamiliar above": above, "held-out pictures above it": shares})


if __name__ == "__main__":
    main()
