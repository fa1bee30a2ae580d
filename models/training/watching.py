"""What attention does while a model learns: entropy of each head, heads that do nothing, keys that swallow everything."""

import math

import torch
from torch import Tensor

from assistant_vlm.network import Network
from assistant_vlm.sites import Sites
from training.batches import Batch
from training.regularisers import entropies

DEAD: float = 0.98
"""A head is called dead when its entropy reaches this share of the highest possible: it looks nowhere in particular."""
SINK: float = 0.5
"""A head has a sink when one key gets this share of all its attention."""


@torch.no_grad()
def attention_report(network: Network, batch: Batch) -> dict[str, dict[str, list[float] | list[int]]]:
    """For each attention layer: entropy of each head as a share of the highest possible, dead heads, heads with a sink.

    Self-attention of the decoder is left out: what it may look at depends on the packing of the batch. Patterns are those
    of the first rows that have a picture and of the answers' tokens. Sinks: Xiao et al. 2023, "Efficient Streaming Language Models
    with Attention Sinks".
    """
    was_training = network.training
    network.eval()
    config = network.config
    read = [f"{part}.*.{site}" for part, site, layers in _watched(network) if layers]
    sites = Sites(config, read=read)
    rows = [i for i in range(len(batch.tokens)) if float(batch.seen[i]) > 0][:4]
    report: dict[str, dict[str, list[float] | list[int]]] = {}
    if rows:
        encoded = network.encoder(batch.pixels[rows], sites)
        if network.fusion is None:
            same = batch.segments[rows][:, :, None] == batch.segments[rows][:, None, :]
            network.decoder(
                batch.tokens[rows],
                network.decoder.cross_memory(encoded),
                positions=batch.positions[rows],
                allowed=same.tril()[:, None],
                sites=sites,
            )
        learned = batch.targets[rows] > 0
        report = {name: _of(values[0], learned) for name, values in sites.values.items() if values}
    network.train(was_training)
    return report


def _watched(network: Network) -> list[tuple[str, str, int]]:
    softmax = network.config.patch_attention == "softmax"
    return [
        ("encoder", "attn.pattern", network.config.encoder_layers if softmax else 0),
        ("decoder", "cross.pattern", network.config.decoder_layers),
    ]


def _of(pattern: Tensor, learned: Tensor) -> dict[str, list[float] | list[int]]:
    rows = pattern.transpose(1, 2)
    chosen = rows[learned] if rows.shape[1] == learned.shape[1] else rows.flatten(0, 1)
    entropy = (entropies(chosen[None])[0] / math.log(pattern.shape[-1])).mean(0)
    most = chosen.mean(0).max(-1).values
    return {
        "entropy": [round(float(e), 3) for e in entropy],
        "dead": [i for i, e in enumerate(entropy) if float(e) > DEAD],
        "sinks": [i for i, m in enumerate(most) if float(m) > SINK],
    }
