"""Weights of the built-in model in miniature: the shipped tokenizer and a random network, whole on disk."""

from __future__ import annotations

from pathlib import Path

import torch

from assistant_vlm.config import Card, ModelConfig
from assistant_vlm.network import Network
from assistant_vlm.tokenizer import Tokenizer
from assistant_vlm.weight_sets import TOKENIZER_FILE, set_folder
from training.export import write_weights


def write_tiny_weights(folder: Path, max_tokens: int) -> None:
    """Write them into a folder; they answer whatever their confidence is. They read and write ``max_tokens``."""
    tokenizer = (set_folder("open") / TOKENIZER_FILE).read_bytes()
    config = ModelConfig(
        vocab=Tokenizer(tokenizer).vocab, side=32, patch=8, stem_channels=(8, 8), stem_blocks=(0, 0, 0), dim=32,
        heads=4, kv_heads=2, encoder_layers=1, decoder_layers=2, max_prefix=64, max_tokens=max_tokens,
    )  # fmt: skip
    torch.manual_seed(0)
    network = Network(config)
    for parameter in network.parameters():
        parameter.data.mul_(3)
    card = Card("tiny", "0", "none", 0.0, (1.0,) * 6, (1.0,) * 6)
    write_weights(folder, network.state_dict(), tokenizer, config, card)
