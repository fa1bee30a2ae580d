"""The shape of a model, as stored in `config.json` beside its weights."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, cast, get_args

from assistant_vlm.errors import WeightsError

Norm = Literal["layer", "rms"]
Mlp = Literal["swiglu", "gelu"]
Block = Literal["sequential", "parallel"]
Positions = Literal["rotary", "learned"]
PatchAttention = Literal["softmax", "linear"]
StemNorm = Literal["weight", "batch", "group"]
Activation = Literal["silu", "gelu"]


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and kinds of the parts of the network.

    Attributes:
        vocab: Number of tokens the tokenizer knows.
        side: Pictures are squeezed to `side` x `side` pixels.
        patch: Width of a patch in pixels of the squeezed picture.
        stem_channels: Channels after each stride-2 convolution but the last, which gives `dim`; with any,
            `patch` is `2 ** (len(stem_channels) + 1)`. Empty: one convolution as wide as a patch.
        stem_blocks: Residual blocks after each stride-2 convolution, the last one included.
        stem_norm: Standardised weights, batch normalisation, or group normalisation of one group.
        stem_activation: Between the convolutions of the stem.
        dim: Width of the residual stream in all parts.
        heads: Query heads; `dim / heads` must be a multiple of 4, because 2-D rotary positions turn pairs of halves.
        kv_heads: Key and value heads: `heads` gives multi-head attention, fewer grouped queries, 1 multi-query.
        encoder_layers: Transformer blocks over the patches.
        fusion_layers: Blocks between encoder and decoder, in which question tokens and patches attend to each other;
            0 where neither direction is on.
        decoder_layers: Transformer blocks over the tokens, each with cross-attention to the memory.
        question_to_patches: In the fusion, question tokens attend to patches; they then join the decoder's memory.
        patches_to_question: In the fusion, patches attend to the question's tokens.
        class_token: Whether the encoder has a vector for the whole picture, a key of the memory after the patches.
        names: Number of names that the picture half can take a picture for (`name_guess`); 0: it does not guess.
        name_tokens: So many tokens of the guessed name are keys of the memory after the class token, and one more key
            says how sure the guess is; 0 exactly where `names` is.
        norm: Normalisation before each part.
        mlp: Kind of feed-forward layer.
        mlp_ratio: Hidden width of a GELU layer over `dim`; SwiGLU takes two thirds of it, as it has three matrices.
        block: Attention and feed-forward one after the other, or side by side.
        patch_positions: 2-D rotary positions, or row and column embeddings that are learned.
        text_positions: Rotary positions, or embeddings that are learned.
        patch_attention: Softmax or linear attention among patches.
        patch_window: Patches see others up to this many rows and columns away; 0 for all. The class token is global.
        text_window: Tokens see this many tokens back, themselves included; 0 for all.
        text_globals: With a window, this many first tokens are seen from everywhere.
        max_prefix: Longest question with its history, in tokens; older history is left out.
        max_tokens: Longest prefix and answer together, in tokens.
        rotary_base: Base of the rotary wavelengths.

    Raises:
        WeightsError: Sizes that do not fit together.
    """

    vocab: int
    side: int = 128
    patch: int = 16
    stem_channels: tuple[int, ...] = (32, 64, 128)
    stem_blocks: tuple[int, ...] = (0, 1, 1, 1)
    stem_norm: StemNorm = "weight"
    stem_activation: Activation = "silu"
    dim: int = 256
    heads: int = 8
    kv_heads: int = 8
    encoder_layers: int = 3
    fusion_layers: int = 0
    decoder_layers: int = 4
    question_to_patches: bool = False
    patches_to_question: bool = False
    class_token: bool = True
    names: int = 0
    name_tokens: int = 0
    norm: Norm = "layer"
    mlp: Mlp = "swiglu"
    mlp_ratio: int = 4
    block: Block = "sequential"
    patch_positions: Positions = "rotary"
    text_positions: Positions = "rotary"
    patch_attention: PatchAttention = "softmax"
    patch_window: int = 0
    text_window: int = 0
    text_globals: int = 1
    max_prefix: int = 160
    max_tokens: int = 224
    rotary_base: float = 10_000.0

    def __post_init__(self) -> None:
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise WeightsError(f"expected {name} of at least 1, got {getattr(self, name)}")
        for name in _AT_LEAST_ZERO:
            if getattr(self, name) < 0:
                raise WeightsError(f"expected {name} of at least 0, got {getattr(self, name)}")
        if self.dim % self.heads or (self.dim // self.heads) % 4:
            raise WeightsError(f"expected dim to be heads times a multiple of 4; got {self.dim} and {self.heads} heads")
        if self.heads % self.kv_heads:
            raise WeightsError(f"expected heads to be a multiple of kv_heads; got {self.heads} and {self.kv_heads}")
        if self.side % self.patch:
            raise WeightsError(f"expected side to be a multiple of the patch of {self.patch} pixels; got {self.side}")
        if self.stem_channels and self.patch != 2 ** (len(self.stem_channels) + 1):
            raise WeightsError(
                f"expected a patch of {2 ** (len(self.stem_channels) + 1)} pixels with {len(self.stem_channels)} stem"
                f" channels, which halve the picture once more than there are; got {self.patch}"
            )
        if self.stem_channels and len(self.stem_blocks) != len(self.stem_channels) + 1:
            raise WeightsError(
                f"expected {len(self.stem_channels) + 1} numbers in stem_blocks, got {len(self.stem_blocks)}"
            )
        if self.max_prefix >= self.max_tokens:
            raise WeightsError(f"expected max_prefix below max_tokens; got {self.max_prefix} and {self.max_tokens}")
        if bool(self.fusion_layers) != (self.question_to_patches or self.patches_to_question):
            raise WeightsError(
                "expected fusion_layers above 0 with question_to_patches or patches_to_question, and 0 without; got"
                f" {self.fusion_layers}, {self.question_to_patches} and {self.patches_to_question}"
            )
        if bool(self.names) != bool(self.name_tokens) or (self.names and not self.class_token):
            raise WeightsError(
                "expected names and name_tokens both 0, or both above 0 with a class_token; got"
                f" {self.names}, {self.name_tokens} and {self.class_token}"
            )
        if self.patch_attention == "linear" and self.patch_window:
            raise WeightsError(f"expected patch_window 0 with linear patch_attention, got {self.patch_window}")
        for name, kinds in _KINDS.items():
            if getattr(self, name) not in get_args(kinds):
                raise WeightsError(f"expected {name} to be one of {get_args(kinds)}, got {getattr(self, name)!r}")

    @property
    def rows(self) -> int:
        """Patches from top to bottom."""
        return self.side // self.patch

    @property
    def cols(self) -> int:
        """Patches from left to right."""
        return self.side // self.patch

    @property
    def guess_keys(self) -> int:
        """Keys of the memory that tell which name the picture half guesses."""
        return self.name_tokens + 1 if self.name_tokens else 0

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.dim // self.heads

    @property
    def mlp_hidden(self) -> int:
        """Hidden width of a feed-forward layer; a multiple of 32 for SwiGLU."""
        full = self.mlp_ratio * self.dim
        return full if self.mlp == "gelu" else max(32, round(full * 2 / 3 / 32) * 32)

    def to_json(self) -> dict[str, Any]:
        """As plain data for `config.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ModelConfig":
        """From plain data, lists become tuples; the fields that are missing take their defaults.

        Raises:
            TypeError: A field is unknown, or `vocab` is missing.
            WeightsError: Sizes that do not fit together.
        """
        return cls(**{key: tuple(v) if isinstance(v := data[key], list) else v for key in data})  # type: ignore[arg-type]


_AT_LEAST_ONE = (
    "vocab", "side", "patch", "dim", "heads", "kv_heads", "encoder_layers", "decoder_layers", "mlp_ratio", "max_prefix",
)  # fmt: skip
_AT_LEAST_ZERO = ("fusion_layers", "names", "name_tokens", "patch_window", "text_window", "text_globals")
_KINDS: dict[str, Any] = {
    "norm": Norm,
    "mlp": Mlp,
    "block": Block,
    "patch_positions": Positions,
    "text_positions": Positions,
    "patch_attention": PatchAttention,
    "stem_norm": StemNorm,
    "stem_activation": Activation,
}


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
        curve_with_image: Points (score, probability) that put the first right (`confidence.probability`); may be empty.
        unfamiliar_above: Distance (`familiarity`) above which a picture is unlike those of the training; None where
            that is not known.
    """

    name: str
    version: str
    licence: str
    abstain_below: float
    confidence_with_image: tuple[float, ...]
    confidence_without_image: tuple[float, ...]
    unfamiliar_above: float | None = None
    curve_with_image: tuple[tuple[float, float], ...] = ()


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
        card = dict(data["card"])
        for key in ("confidence_with_image", "confidence_without_image"):
            card[key] = tuple(float(v) for v in card[key])
        card["curve_with_image"] = tuple((float(x), float(y)) for x, y in card.get("curve_with_image", ()))
        if (limit := card.get("unfamiliar_above")) is not None:
            card["unfamiliar_above"] = float(limit)
        return ModelConfig.from_json(data["model"]), Card(**card)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        wanted = ", ".join(f.name for f in (*fields(ModelConfig), *fields(Card)))
        raise WeightsError(
            f"config.json: expected an object `model` and an object `card` with {wanted}; {error!r}"
        ) from error
