"""The question's tokens and the picture's patches attend to each other, before the decoder attends to both.

Source: Lu et al. 2019, "ViLBERT", section 2.2 (co-attention in both directions). Changed: each direction is a setting,
and the patches' self-attention stays in the encoder.
"""

from typing import Annotated

import torch
from torch import Tensor, nn

from assistant_vlm.attention import Attention
from assistant_vlm.config import ModelConfig
from assistant_vlm.feed_forward import FeedForward
from assistant_vlm.norm import Norm
from assistant_vlm.rotary import Turn, rotary_table
from assistant_vlm.sites import Scope, Sites


class _Look(nn.Module):
    """One stream attends to another, or to itself."""

    def __init__(self, config: ModelConfig, *, at_another: bool) -> None:
        super().__init__()
        self.norm = Norm(config.norm, config.dim)
        self.other_norm = Norm(config.norm, config.dim) if at_another else None
        self.attention = Attention(config.dim, config.heads, config.kv_heads)

    def forward(
        self, stream: Tensor, other: Tensor | None, allowed: Tensor | None, turn: Turn | None, at: Scope | None
    ) -> Tensor:
        """What is added to `stream`; `other` is what it attends to, None for itself."""
        normed = self.norm(stream)
        seen = normed if other is None or self.other_norm is None else self.other_norm(other)
        k, v = self.attention.keys_values(seen, turn)
        return self.attention.look(self.attention.queries(normed, turn), k, v, allowed, at)


class _Think(nn.Module):
    """A normalised feed-forward layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm = Norm(config.norm, config.dim)
        self.mlp = FeedForward(config.mlp, config.dim, config.mlp_hidden)

    def forward(self, stream: Tensor, at: Scope | None) -> Tensor:
        """What is added to `stream`."""
        return self.mlp(self.norm(stream), at)


class FusionBlock(nn.Module):
    """The question looks at itself, then each side at the other, both from what they were before.

    In the `last` block the question is thought about only where somebody reads it after.
    """

    def __init__(self, config: ModelConfig, *, last: bool) -> None:
        super().__init__()
        asks, answers = config.question_to_patches, config.patches_to_question
        self.self_look = _Look(config, at_another=False)
        self.question_think = _Think(config) if asks or not last else None
        self.question_look = _Look(config, at_another=True) if asks else None
        self.patches_look = _Look(config, at_another=True) if answers else None
        self.patches_think = _Think(config) if answers else None

    def forward(
        self, patches: Tensor, question: Tensor, allowed: Tensor, turn: Turn | None, at: Scope | None
    ) -> tuple[Tensor, Tensor]:
        """Patches and question after this block; see `Fusion.forward`."""
        question = question + self.self_look(question, None, allowed, turn, at and at.within("self"))
        before = question
        if self.question_look is not None:
            inner = at and at.within("question_to_patches")
            question = question + self.question_look(question, patches, None, None, inner)
        if self.question_think is not None:
            question = question + self.question_think(question, at and at.within("question"))
        if self.patches_look is not None and self.patches_think is not None:
            inner = at and at.within("patches_to_question")
            patches = patches + self.patches_look(patches, before, allowed, None, inner)
            patches = patches + self.patches_think(patches, at and at.within("patches"))
        return patches, question


class Fusion(nn.Module):
    """Some blocks of co-attention."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        last = config.fusion_layers - 1
        self.blocks = nn.ModuleList(FusionBlock(config, last=i == last) for i in range(config.fusion_layers))
        self.norm = Norm(config.norm, config.dim) if config.question_to_patches else None

    def forward(
        self,
        patches: Annotated[Tensor, "batch keys dim"],
        question: Annotated[Tensor, "batch tokens dim"],
        real: Annotated[Tensor, "batch tokens"],
        sites: Sites | None = None,
    ) -> tuple[Annotated[Tensor, "batch keys dim"], Annotated[Tensor, "batch tokens dim"]]:
        """Patches and question after looking at each other.

        Args:
            patches: From the encoder, one picture for each question.
            question: Embedded tokens of one question in each row; every token sees all of its question.
            real: False for padding, which nobody sees; each question has at least one real token.
            sites: Who watches.

        Returns:
            The patches, and the question (normalised where it looks at the patches, else as nobody reads it).
        """
        at = None if sites is None else sites.within("fusion")
        turn = None
        if self.config.text_positions == "rotary":
            positions = torch.arange(question.shape[1], device=question.device)[None]
            turn = rotary_table(positions, self.config.head_dim, self.config.rotary_base)
        for layer, block in enumerate(self.blocks):
            inner = at and at.within(str(layer))
            patches, question = block(patches, question, real[:, None, None], turn, inner)
        return patches, question if self.norm is None else self.norm(question)
