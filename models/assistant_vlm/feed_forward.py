"""The feed-forward half of a transformer block."""

from typing import Annotated

from torch import Tensor, nn
from torch.nn.functional import gelu


class FeedForward(nn.Module):
    """Two linear layers with a GELU between (Hendrycks and Gimpel 2016, tanh form)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(dim, hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, hidden: Annotated[Tensor, "batch tokens dim"]) -> Annotated[Tensor, "batch tokens dim"]:
        """What the layer adds to the residual stream."""
        return self.down(gelu(self.up(hidden), approximate="tanh"))
