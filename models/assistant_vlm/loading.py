"""Load packaged weights and answer questions with them."""

import hashlib
from importlib.resources import as_file
from pathlib import Path

import safetensors
import safetensors.torch

from assistant_vlm.confidence import FEATURES, is_rising
from assistant_vlm.config import read_config
from assistant_vlm.errors import WeightsError
from assistant_vlm.familiarity import read_familiarity
from assistant_vlm.model import LoadedModel
from assistant_vlm.network import Network
from assistant_vlm.tokenizer import Tokenizer
from assistant_vlm.weight_sets import (
    CONFIG_FILE,
    DEFAULT_SET,
    FAMILIARITY_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    set_folder,
)

__all__ = ["CONFIG_FILE", "FAMILIARITY_FILE", "TOKENIZER_FILE", "WEIGHTS_FILE", "LoadedModel", "load", "load_named"]


def load(folder: Path | None = None) -> LoadedModel:
    """The model stored in `folder`, by default the packaged set `open`.

    Raises:
        WeightsError: A file is missing, truncated or of another shape, or the tokenizer does not fit the weights.
    """
    if folder is not None:
        return _load(folder)
    return load_named(DEFAULT_SET)


def load_named(name: str) -> LoadedModel:
    """The packaged weights of this name, `open` or `photos`.

    Raises:
        WeightsError: There is no set of this name, or it is not in this package, or its files cannot be used.
    """
    with as_file(set_folder(name)) as packaged:
        return _load(packaged)


def _load(folder: Path) -> LoadedModel:
    raw = {name: _read(folder, name) for name in (WEIGHTS_FILE, TOKENIZER_FILE, CONFIG_FILE)}
    try:
        text = raw[CONFIG_FILE].decode()
    except UnicodeDecodeError as error:
        raise WeightsError(f"{CONFIG_FILE}: expected UTF-8 text, got {error}") from error
    config, card = read_config(text)
    for name, weights in (("with", card.confidence_with_image), ("without", card.confidence_without_image)):
        if len(weights) != len(FEATURES):
            raise WeightsError(
                f"{CONFIG_FILE}: expected {len(FEATURES)} confidence weights {name} image, got {len(weights)}"
            )
    if not is_rising(card.curve_with_image):
        raise WeightsError(
            f"{CONFIG_FILE}: expected curve_with_image as points (score, probability) with rising scores and"
            f" probabilities in [0, 1] that never fall, got {card.curve_with_image}"
        )
    tokenizer = Tokenizer(raw[TOKENIZER_FILE])
    if tokenizer.vocab != config.vocab:
        raise WeightsError(
            f"{TOKENIZER_FILE}: expected {config.vocab} tokens as in {CONFIG_FILE}, got {tokenizer.vocab}"
        )
    network = Network(config)
    _fill(network, raw[WEIGHTS_FILE])
    familiarity = None
    if (folder / FAMILIARITY_FILE).exists():
        raw[FAMILIARITY_FILE] = _read(folder, FAMILIARITY_FILE)
        familiarity = read_familiarity(raw[FAMILIARITY_FILE], config.dim)
    digest = hashlib.sha256()
    for data in raw.values():
        digest.update(hashlib.sha256(data).digest())
    return LoadedModel(network, tokenizer, card, digest.hexdigest(), familiarity)


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise WeightsError(f"expected {name} in {folder}, got {error.strerror or error}") from error


def _fill(network: Network, data: bytes) -> None:
    try:
        stored = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{WEIGHTS_FILE}: expected a whole safetensors file, got {len(data)} bytes: {error}"
        ) from error
    wanted = network.state_dict()
    missing, unknown = sorted(wanted.keys() - stored.keys()), sorted(stored.keys() - wanted.keys())
    if missing or unknown:
        raise WeightsError(f"{WEIGHTS_FILE}: expected other tensors; missing {missing[:3]}, unknown {unknown[:3]}")
    for key, value in wanted.items():
        if stored[key].shape != value.shape:
            raise WeightsError(
                f"{WEIGHTS_FILE}: expected {key} of shape {tuple(value.shape)}, got {tuple(stored[key].shape)}"
            )
    spelling = stored.get("name_guess.spelling")
    if spelling is not None and not bool(((spelling >= 0) & (spelling < network.config.vocab)).all()):
        raise WeightsError(f"{WEIGHTS_FILE}: expected token ids below {network.config.vocab} in name_guess.spelling")
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in stored.items()})
