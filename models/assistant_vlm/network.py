"""The whole network: an image encoder, the fusion with the question, and a decoder that looks at both."""

import math
from typing import Annotated

import torch
from torch import Tensor, nn

from assistant_vlm.config import ModelConfig
from assistant_vlm.decoder import Decoder
from assistant_vlm.fusion import Fusion
from assistant_vlm.image_encoder import ImageEncoder
from assistant_vlm.name_guess import NameGuess
from assistant_vlm.sites import Sites


class Network(nn.Module):
    """All parts under one roof, with GPT-2's initial weights (Radford et al. 2019, section 2.3).

    Linear weights are normal with deviation 0.5/sqrt(dim); layers that write to the residual stream are further divided
    by the square root of the number of such layers in their part. Convolutions keep torch's initial weights.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ImageEncoder(config)
        self.name_guess = NameGuess(config) if config.names else None
        self.fusion = Fusion(config) if config.fusion_layers else None
        self.decoder = Decoder(config)
        writers = {"encoder": 2 * config.encoder_layers, "fusion": 3 * config.fusion_layers}
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                here = writers.get(name.split(".")[0], 3 * config.decoder_layers)
                writes = name.endswith((".out", ".down"))
                deviation = 0.5 / math.sqrt(config.dim) / (math.sqrt(here) if writes else 1.0)
                nn.init.normal_(module.weight, std=deviation)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def encode(
        self, pixels: Annotated[Tensor, "batch 3 height width"], sites: Sites | None = None
    ) -> Annotated[Tensor, "batch keys dim"]:
        """What the picture half makes of a picture: patches, class token, then the guessed name where there is one.

        Raises:
            PictureError: Pixels of another shape; see `ImageEncoder.forward`.
        """
        return self.with_guess(self.encoder(pixels, sites), sites)

    def with_guess(
        self,
        seen: Annotated[Tensor, "batch places dim"],
        sites: Sites | None = None,
        hints: Annotated[Tensor, "batch names"] | None = None,
    ) -> Annotated[Tensor, "batch keys dim"]:
        """The encoder's vectors, and after them the keys of the guessed name; see `NameGuess.forward`."""
        if self.name_guess is None:
            return seen
        keys = self.name_guess(seen[:, -1], self.decoder.embedding.weight, sites, hints)
        return torch.cat((seen, keys), dim=1)

    def memory(
        self,
        patches: Annotated[Tensor, "batch keys dim"],
        question: Annotated[Tensor, "batch tokens"],
        real: Annotated[Tensor, "batch tokens"],
        sites: Sites | None = None,
    ) -> tuple[Annotated[Tensor, "batch keys dim"], Annotated[Tensor, "batch tokens dim"] | None]:
        """What the decoder is to attend to: the patches, and with fusion the question's tokens too.

        Args:
            patches: From `encode`, one picture for each question.
            question: Token ids of one question in each row.
            real: False for padding.
            sites: Who watches.

        Returns:
            Patches (as they are without fusion), and the fused question, None where it does not look at the patches.
        """
        if self.fusion is None:
            return patches, None
        positions = torch.arange(question.shape[1], device=question.device)[None]
        patches, fused = self.fusion(patches, self.decoder.embed(question, positions), real, sites)
        return patches, fused if self.config.question_to_patches else None

    @property
    def parameters_count(self) -> int:
        """Number of learned values."""
        return sum(p.numel() for p in self.parameters())
