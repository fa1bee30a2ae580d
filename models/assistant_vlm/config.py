"""The shape of a model, as stored in `config.json` beside its weights."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from assistant_vlm.errors import WeightsError


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the network.

    Attributes:
        vocab: Number of tokens the tokenizer knows.
        side: Pictures are squeezed to `side` x `side` pixels.
        stem_channels: Channels after each stride-2 convolution but the last, which gives `dim`; a patch is
            `2 ** (len(stem_channels) + 1)` pixels wide.
        dim: Width of the residual stream in both halves.
        heads: Query heads; `dim / heads` must be even, because rotary positions turn pairs.
        kv_heads: Key and value heads; `heads` gives plain multi-head attention, fewer gives grouped queries.
        encoder_layers: Transformer blocks over the patches.
        decoder_layers: Transformer blocks over the tokens, each with cross-attention to the patches.
        mlp_ratio: Hidden width of a feed-forward layer over `dim`.
        max_prefix: Longest question with its history, in tokens; older history is left out.
        max_tokens: Longest prefix and answer together, in tokens.
        rotary_base: Base of the rotary wavelengths.
    """

    vocab: int
    side: int = 96
    stem_channels: tuple[int, ...] = (48, 96)
    dim: int = 192
    heads: int = 6
    kv_heads: int = 6
    encoder_layers: int = 4
    decoder_layers: int = 4
    mlp_ratio: int = 4
    max_prefix: int = 96
    max_tokens: int = 160
    rotary_base: float = 10_000.0

    def __post_init__(self) -> None:
        if self.dim % self.heads or (self.dim // self.heads) % 2:
            raise WeightsError(f"dim must be an even multiple of heads; got dim {self.dim} and heads {self.heads}")
        if self.heads % self.kv_heads:
            raise WeightsError(f"heads must be a multiple of kv_heads; got {self.heads} and {self.kv_heads}")
        if self.side % self.patch:
            raise WeightsError(f"side must be a multiple of the patch of {self.patch} pixels; got {self.side}")

    @property
    def patch(self) -> int:
        """Width of a patch in pixels of the squeezed picture."""
        return int(2 ** (len(self.stem_channels) + 1))

    @property
    def rows(self) -> int:
        """Patches from top to bottom."""
        return self.side // self.patch

    @property
    def cols(self) -> int:
        """Patches from left to right."""
        return self.side // self.patch

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.dim // self.heads

    def to_json(self) -> dict[str, Any]:
        """As plain data for `config.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Card:
    """What `config.json` says besides the shape: who the model is and how far to trust its probabilities.

    Attributes:
        name: Name of the weights.
        version: Version of the weights.
        licence: Terms of the weights.
        abstain_below: Calibrated probability under which the answer should be withheld.
        confidence_with_image: Weights of the calibrated probability, picture given (`confidence.FEATURES`).
        confidence_without_image: The same for talk without a picture.
    """

    name: str
    version: str
    licence: str
    abstain_below: float
    confidence_with_image: tuple[float, ...]
    confidence_without_image: tuple[float, ...]


def write_config(config: ModelConfig, card: Card) -> str:
    """The text of `config.json`."""
    return json.dumps({"model": config.to_json(), "card": asdict(card)}, indent=1) + "\n"


def read_config(text: str) -> tuple[ModelConfig, Card]:
    """The shape and the card from the text of `config.json`.

    Raises:
        WeightsError: The text is not JSON, or a field is missing, unknown or of the wrong kind.
    """
    try:
        data = cast("dict[str, dict[str, Any]]", json.loads(text))
        model, card = dict(data["model"]), dict(data["card"])
        model["stem_channels"] = tuple(model["stem_channels"])
        for key in ("confidence_with_image", "confidence_without_image"):
            card[key] = tuple(float(v) for v in card[key])
        return ModelConfig(**model), Card(**card)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        wanted = ", ".join(f.name for f in (*fields(ModelConfig), *fields(Card)))
        raise WeightsError(
            f"config.json: expected an object `model` and an object `card` with {wanted}; {error!r}"
        ) from error
