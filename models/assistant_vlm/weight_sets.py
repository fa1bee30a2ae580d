"""Which weights come with the package: one folder for each set, `open` and perhaps `photos`."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, Literal, get_args

from assistant_vlm.errors import WeightsError

SetName = Literal["open", "photos"]
SET_NAMES: Final[tuple[SetName, ...]] = get_args(SetName)
DEFAULT_SET: Final[SetName] = "open"

WEIGHTS_FILE: Final = "model.safetensors"
TOKENIZER_FILE: Final = "tokenizer.model"
CONFIG_FILE: Final = "config.json"
FAMILIARITY_FILE: Final = "familiarity.safetensors"
"""Optional; the other three are needed."""


def set_folder(name: str) -> Traversable:
    """Where the files of a set lie, or would lie.

    Raises:
        WeightsError: There is no set of this name.
    """
    if name not in SET_NAMES:
        raise WeightsError(f"expected the name of a set of weights, {' or '.join(SET_NAMES)}; got {name!r}")
    return files("assistant_vlm") / "weights" / name


def packaged_sets() -> tuple[SetName, ...]:
    """The sets whose files are there; needs no torch."""
    needed = (WEIGHTS_FILE, TOKENIZER_FILE, CONFIG_FILE)
    return tuple(name for name in SET_NAMES if all((set_folder(name) / file).is_file() for file in needed))
