"""The feed-forward half of a transformer block."""

from typing import Annotated

from torch import Tensor, nn
from torch.nn.functional import gelu, silu

from assistant_vlm.config import Mlp
from assistant_vlm.sites import Scope


class FeedForward(nn.Module):
    """Two linear layers with a GELU between, or three with a gate: SwiGLU.

    Source: Hendrycks and Gimpel 2016 (GELU, tanh form); Shazeer 2020, "GLU Variants Improve Transformer", equation 6.
    """

    def __init__(self, kind: Mlp, dim: int, hidden: int) -> None:
        super().__init__()
        self.kind = kind
        self.up = nn.Linear(dim, hidden if kind == "gelu" else 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(
        self, hidden: Annotated[Tensor, "batch tokens dim"], at: Scope | None = None
    ) -> Annotated[Tensor, "batch tokens dim"]:
        """What the layer adds to the residual stream."""
        if self.kind == "gelu":
            middle = gelu(self.up(hidden), approximate="tanh")
        else:
            gate, value = self.up(hidden).chunk(2, dim=-1)
            middle = silu(gate) * value
        if at is None:
            return self.down(middle)
        return at.visit("mlp_out", self.down(at.visit("mlp_post", middle)))
