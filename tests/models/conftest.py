"""Tiny models with random weights, and a tokenizer trained on the spot; no data folder and no training needed."""

import dataclasses
from pathlib import Path

import pytest
import torch

from assistant_vlm.confidence import FEATURES
from assistant_vlm.config import Card, ModelConfig
from assistant_vlm.loading import LoadedModel
from assistant_vlm.network import Network
from assistant_vlm.tokenizer import Tokenizer
from training.tokenizer_recipe import train_tokenizer

TINY = ModelConfig(
    vocab=512,
    side=32,
    patch=8,
    stem_channels=(8, 8),
    stem_blocks=(0, 1, 0),
    dim=32,
    heads=4,
    kv_heads=2,
    encoder_layers=2,
    decoder_layers=2,
    mlp_ratio=2,
    max_prefix=48,
    max_tokens=80,
)
PLAIN = tuple(1.0 for _ in FEATURES)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """A spinning pool beside a busy neighbour is many times slower than one thread."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(path, TINY.vocab, seed=1, lines=300, data=None)
    return path


@pytest.fixture(scope="session")
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


@pytest.fixture(params=[4, 2, 1], ids=["multi-head", "grouped", "one key head"])
def network(request: pytest.FixtureRequest) -> Network:
    torch.manual_seed(0)
    return Network(dataclasses.replace(TINY, kv_heads=request.param)).eval()


@pytest.fixture
def card() -> Card:
    return Card("tiny", "0", "none", 0.5, PLAIN, PLAIN)


@pytest.fixture
def tiny(tokenizer: Tokenizer, card: Card) -> LoadedModel:
    return loud(TINY, tokenizer, card)


VARIANTS = {
    "plain": {},
    "fusion both ways": {"fusion_layers": 1, "question_to_patches": True, "patches_to_question": True},
    "question to patches": {"fusion_layers": 2, "question_to_patches": True},
    "patches to question": {"fusion_layers": 1, "patches_to_question": True, "class_token": False},
    "window": {"text_window": 5, "text_globals": 2},
    "guessed name": {"names": 5, "name_tokens": 3},
    "learned, parallel": {"text_positions": "learned", "block": "parallel", "norm": "rms"},
}
"""Shapes in which reading a chat differs."""


@pytest.fixture(params=VARIANTS, ids=list(VARIANTS))
def any_tiny(request: pytest.FixtureRequest, tokenizer: Tokenizer, card: Card) -> LoadedModel:
    """A small model of each shape in `VARIANTS`."""
    return loud(dataclasses.replace(TINY, **VARIANTS[request.param]), tokenizer, card)  # type: ignore[arg-type]


def spell(network: Network) -> None:
    """Give each name that the network guesses tokens of its own."""
    if network.name_guess is not None:
        spelling = network.name_guess.spelling
        spelling.copy_(7 + torch.arange(spelling.numel()).view(spelling.shape))


def loud(config: ModelConfig, tokenizer: Tokenizer, card: Card) -> LoadedModel:
    """Random weights, louder than at the start of training, so that answers differ by picture and seed."""
    torch.manual_seed(0)
    network = Network(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)
    spell(network)
    return LoadedModel(network, tokenizer, card, "0" * 64)
