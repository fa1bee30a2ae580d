"""The whole network: an image encoder and a decoder that looks at its patches."""

import math

from torch import nn

from assistant_vlm.config import ModelConfig
from assistant_vlm.decoder import Decoder
from assistant_vlm.image_encoder import ImageEncoder


class Network(nn.Module):
    """Both halves under one roof, with GPT-2's initial weights (Radford et al. 2019, section 2.3).

    Linear weights are normal with deviation 0.02 at 192 channels, scaled by 1/sqrt(dim); layers that write to the
    residual stream are further divided by the square root of the number of such layers in their half.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ImageEncoder(config)
        self.decoder = Decoder(config)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                writers = 2 * config.encoder_layers if name.startswith("encoder") else 3 * config.decoder_layers
                writes = name.endswith((".out", ".down"))
                deviation = 0.5 / math.sqrt(config.dim) / (math.sqrt(writers) if writes else 1.0)
                nn.init.normal_(module.weight, std=deviation)
        nn.init.normal_(self.decoder.embedding.weight, std=0.02)

    @property
    def parameters_count(self) -> int:
        """Number of learned values."""
        return sum(p.numel() for p in self.parameters())
