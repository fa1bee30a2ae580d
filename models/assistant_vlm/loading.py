"""Load packaged weights and answer questions with them."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import as_file
from pathlib import Path
from typing import Annotated

import safetensors
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor

from assistant_vlm.confidence import FEATURES, probability
from assistant_vlm.config import Card, ModelConfig, read_config
from assistant_vlm.decoder import CrossMemory
from assistant_vlm.errors import WeightsError
from assistant_vlm.generation import GenerationSettings, Step, generate_tokens, prefix_tokens
from assistant_vlm.network import Network
from assistant_vlm.preprocess import patch_box, to_pixels
from assistant_vlm.sites import Sites
from assistant_vlm.tokenizer import Tokenizer
from assistant_vlm.weight_sets import CONFIG_FILE, DEFAULT_SET, TOKENIZER_FILE, WEIGHTS_FILE, set_folder



@dataclass(frozen=True, eq=False)
class EncodedImage:
    """A picture as the decoder sees it; make it once and ask many questions.

    Attributes:
        memory: Cross-attention keys and values of each decoder layer.
        rows: Patches from top to bottom.
        cols: Patches from left to right.
    """

    memory: CrossMemory
    rows: int
    cols: int

    def patch_box(self, row: int, col: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a patch in fractions [0, 1] of the original picture."""
        return patch_box(row, col, self.rows, self.cols)


@dataclass(frozen=True, eq=False)
class CrossAttention:
    """Where the decoder looked.

    Attributes:
        weights: `weights[i, layer, head]` is the pattern over rows and columns at the position that produced answer
            token `i`, which is the position of the token before it (for `i` = 0, of the answer mark that ends the
            prefix): the decoder reads one token and writes the next. Each pattern sums to 1.
    """

    weights: Annotated[Tensor, "tokens layers heads rows cols"]


def _never() -> bool:
    return False


class LoadedModel:
    """Weights in memory, ready to answer.

    Every method only reads, so several threads may call it; generation is heavy, so let one caller at a time.
    """

    def __init__(self, network: Network, tokenizer: Tokenizer, card: Card, fingerprint: str) -> None:
        self.network, self.tokenizer, self.card = network.eval(), tokenizer, card
        self.config: ModelConfig = network.config
        self.name, self.version, self.licence = card.name, card.version, card.licence
        self.abstain_below = card.abstain_below
        self.parameters = network.parameters_count
        self.fingerprint = fingerprint

    @torch.inference_mode()
    def encode_image(self, image: Image.Image) -> EncodedImage:
        """What the decoder needs of a picture, worked out once.

        Raises:
            PictureError: The picture cannot be read as pixels.
        """
        patches = self.network.encoder(to_pixels(image, self.config.side)[None])
        return EncodedImage(self.network.decoder.cross_memory(patches), self.config.rows, self.config.cols)

    def generate(
        self,
        image: EncodedImage | None,
        question: str,
        history: Sequence[tuple[str, str]] = (),
        settings: GenerationSettings = GenerationSettings(),  # noqa: B008 - frozen
        should_stop: Callable[[], bool] = _never,
    ) -> Iterator[Step]:
        """The answer, one token at a time; `"".join(step.text ...)` is the whole of it.

        Args:
            image: From `encode_image`, or None to talk without a picture.
            question: In any case; it is read in lower case.
            history: Earlier questions and answers about the same picture, oldest first; as many of the newest as fit.
            settings: How to choose tokens.
            should_stop: Asked before each token; True ends the answer.
        """
        prefix = self._prefix(question, history, image is not None)
        memory = None if image is None else image.memory
        return generate_tokens(self.network.decoder, self.tokenizer, prefix, memory, settings, should_stop)

    def confidence(self, steps: Sequence[Step], image_given: bool) -> float:
        """Calibrated probability in [0, 1] that the answer of `steps` is right."""
        card = self.card
        return probability(steps, card.confidence_with_image if image_given else card.confidence_without_image)

    @torch.inference_mode()
    def cross_attention(
        self, image: EncodedImage, question: str, history: Sequence[tuple[str, str]], steps: Sequence[Step]
    ) -> CrossAttention:
        """The decoder's cross-attention for an answer it gave, worked out again; see `CrossAttention` for the index."""
        grid = (self.config.decoder_layers, self.config.heads, image.rows, image.cols)
        if not steps:
            return CrossAttention(torch.zeros(0, *grid))
        prefix = self._prefix(question, history, True)
        tokens = torch.tensor([prefix + [step.token_id for step in steps[:-1]]])
        sites = Sites(self.config, read=["decoder.*.cross.pattern"])
        self.network.decoder(tokens, image.memory, sites=sites)
        watched = [sites.only(f"decoder.{layer}.cross.pattern") for layer in range(self.config.decoder_layers)]
        places = image.rows * image.cols
        patterns = torch.stack([pattern[0, :, len(prefix) - 1 :, :places] for pattern in watched])
        return CrossAttention(patterns.permute(2, 0, 1, 3).reshape(len(steps), *grid))

    def _prefix(self, question: str, history: Sequence[tuple[str, str]], picture: bool) -> list[int]:
        return prefix_tokens(self.tokenizer, question, history, picture, self.config.max_prefix)


def load(folder: Path | None = None) -> LoadedModel:
    """The model stored in `folder`, by default the packaged set `open`.

    Raises:
        WeightsError: A file is missing, truncated or of another shape, or the tokenizer does not fit the weights.
    """
    if folder is not None:
        return _load(folder)
    return load_named(DEFAULT_SET)


def load_named(name: str) -> LoadedModel:
    """The packaged weights of this name, `open` or `photos`.

    Raises:
        WeightsError: There is no set of this name, or it is not in this package, or its files cannot be used.
    """
    with as_file(set_folder(name)) as packaged:
        return _load(packaged)


def _load(folder: Path) -> LoadedModel:
    raw: dict[str, bytes] = {}
    for name in (WEIGHTS_FILE, TOKENIZER_FILE, CONFIG_FILE):
        try:
            raw[name] = (folder / name).read_bytes()
        except OSError as error:
            raise WeightsError(f"expected {name} in {folder}, got {error.strerror or error}") from error
    try:
        text = raw[CONFIG_FILE].decode()
    except UnicodeDecodeError as error:
        raise WeightsError(f"{CONFIG_FILE}: expected UTF-8 text, got {error}") from error
    config, card = read_config(text)
    for name, weights in (("with", card.confidence_with_image), ("without", card.confidence_without_image)):
        if len(weights) != len(FEATURES):
            raise WeightsError(
                f"{CONFIG_FILE}: expected {len(FEATURES)} confidence weights {name} image, got {len(weights)}"
            )
    tokenizer = Tokenizer(raw[TOKENIZER_FILE])
    if tokenizer.vocab != config.vocab:
        raise WeightsError(
            f"{TOKENIZER_FILE}: expected {config.vocab} tokens as in {CONFIG_FILE}, got {tokenizer.vocab}"
        )
    network = Network(config)
    _fill(network, raw[WEIGHTS_FILE])
    digest = hashlib.sha256()
    for name in (WEIGHTS_FILE, TOKENIZER_FILE, CONFIG_FILE):
        digest.update(hashlib.sha256(raw[name]).digest())
    return LoadedModel(network, tokenizer, card, digest.hexdigest())


def _fill(network: Network, data: bytes) -> None:
    try:
        stored = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{WEIGHTS_FILE}: expected a whole safetensors file, got {len(data)} bytes: {error}"
        ) from error
    wanted = network.state_dict()
    missing, unknown = sorted(wanted.keys() - stored.keys()), sorted(stored.keys() - wanted.keys())
    if missing or unknown:
        raise WeightsError(f"{WEIGHTS_FILE}: expected other tensors; missing {missing[:3]}, unknown {unknown[:3]}")
    for key, value in wanted.items():
        if stored[key].shape != value.shape:
            raise WeightsError(
                f"{WEIGHTS_FILE}: expected {key} of shape {tuple(value.shape)}, got {tuple(stored[key].shape)}"
            )
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in stored.items()})
