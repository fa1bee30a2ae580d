"""Weights in memory, ready to answer."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import torch
from PIL import Image
from torch import Tensor

from assistant_vlm.batching import Answer, Request, Row, memory_keys, write_together
from assistant_vlm.beam import beam_search
from assistant_vlm.choosing import Choice, by_guess, score
from assistant_vlm.confidence import probability
from assistant_vlm.config import Card, ModelConfig
from assistant_vlm.encoding import Encoder, NetworkEncoder
from assistant_vlm.errors import SettingsError, WeightsError
from assistant_vlm.familiarity import Familiarity
from assistant_vlm.generation import GenerationSettings, Step, Walk, answer_room, generate_tokens
from assistant_vlm.naming import asks_for_a_name
from assistant_vlm.network import Network
from assistant_vlm.picture import EncodedImage
from assistant_vlm.prefix import Cut, Prefix, build_prefix
from assistant_vlm.reader import Reader, Reading
from assistant_vlm.sites import Sites
from assistant_vlm.stepper import DecoderStepper, Stepper
from assistant_vlm.tokenizer import Tokenizer
from assistant_vlm.trie import Trie
from assistant_vlm.weight_sets import FAMILIARITY_FILE
from assistant_vlm.writing import Writer

PICTURE_BYTES: Final = 32 * 1024**2
"""Memory for encoded pictures; with fusion, again as much for what questions made of them."""
TEXT_BYTES: Final = 64 * 1024**2
"""Memory for the keys and values of chats."""
MOST_ROWS: Final = 32
"""Chats that are answered side by side."""


@dataclass(frozen=True, eq=False)
class CrossAttention:
    """Where the decoder looked.

    Attributes:
        weights: `weights[i, layer, head]` is the pattern over rows and columns at the position that produced answer
            token `i`, which is the position of the token before it (for `i` = 0, of the answer mark that ends the
            prefix): the decoder reads one token and writes the next. Each pattern sums to 1 over the patches.
        on_patches: Share of the attention that went to patches, in [0, 1]; the rest went to the vector of the whole
            picture, to the guessed name and to the question's tokens, where the memory has them.
        on_guess: Share of the attention that went to the guessed name, in [0, 1]; 0 where the model guesses none.
    """

    weights: Annotated[Tensor, "tokens layers heads rows cols"]
    on_patches: Annotated[Tensor, "tokens layers heads"]
    on_guess: Annotated[Tensor, "tokens layers heads"]


@dataclass(frozen=True)
class GuessedName:
    """What the picture half takes a picture for.

    Attributes:
        name: As an answer would say it, cut after `ModelConfig.name_tokens` tokens.
        probability: In [0, 1], summed over the names that are spelled alike; not calibrated.
    """

    name: str
    probability: float


def _never() -> bool:
    return False


class LoadedModel:
    """A network with its tokenizer and its card.

    What was worked out for pictures and chats is kept for the next question, up to a number of bytes; answers do not
    depend on what is kept. Several threads may call it; generation is heavy, so let one caller at a time.

    Attributes:
        reader: What is kept.

    Args:
        network: The network.
        tokenizer: Its tokenizer.
        card: Who the model is, and how far to trust it.
        fingerprint: Hash over all its files.
        familiarity: Where its training pictures lie, if that is known.
        stepper: How to decode when nobody watches; by default with the network's own decoder.
    """

    def __init__(
        self,
        network: Network,
        tokenizer: Tokenizer,
        card: Card,
        fingerprint: str,
        familiarity: Familiarity | None = None,
        stepper: Stepper | None = None,
    ) -> None:
        self.network, self.tokenizer, self.card = network.eval(), tokenizer, card
        self.config: ModelConfig = network.config
        self.name, self.version, self.licence = card.name, card.version, card.licence
        self.parameters = network.parameters_count
        self.fingerprint, self.familiarity = fingerprint, familiarity
        self.reader = Reader(network, stepper or DecoderStepper(network.decoder), PICTURE_BYTES, TEXT_BYTES)

    @property
    def abstain_below(self) -> float:
        """The confidence under which an answer should be withheld, in [0, 1]."""
        return self.card.abstain_below

    @torch.inference_mode()
    def encode_image(self, picture: Image.Image | Tensor, sites: Sites | None = None) -> EncodedImage:
        """What the decoder needs of a picture; equal pixels are worked out once.

        Args:
            picture: A picture of any size, or pixels in [0, 1], `[3, height, width]` in multiples of the patch.
            sites: Who watches the encoder, or edits it; then nothing is kept.

        Raises:
            PictureError: The picture cannot be read as pixels, or the pixels are of another shape or out of range.
        """
        return self.reader.pictures.encode(picture, sites)

    def generate(
        self,
        image: EncodedImage | None,
        question: str,
        history: Sequence[tuple[str, str]] = (),
        settings: GenerationSettings = GenerationSettings(),  # noqa: B008 - frozen
        should_stop: Callable[[], bool] = _never,
        options: Sequence[str] | None = None,
        sites: Sites | None = None,
        begun: str = "",
    ) -> Iterator[Step]:
        """The answer, one token at a time; `"".join(step.text ...)` is the whole of it.

        With several beams, all tokens come at the end of the search. What is too long is cut, see `cut`.

        Args:
            image: From `encode_image`, or None to talk without a picture.
            question: In any case; it is read in lower case.
            history: Earlier questions and answers about the same picture, oldest first; as many of the newest as fit.
            settings: How to choose tokens.
            should_stop: Asked before each token; True ends the answer.
            options: The only answers allowed; one of them is written whole, however small `settings.max_tokens` is.
            sites: Who watches the fusion and the decoder, or edits them; then nothing kept is used and nothing is kept.
                With fusion the decoder passes its sites once for each turn, since each looks at a memory of its own.
            begun: How the answer begins; it is a part of what comes out, and counts for `settings.max_tokens`.

        Raises:
            SettingsError: There are no options, or one is empty or too long; an answer begins, and is held to options
                or searched with beams.
        """
        if begun and (options is not None or settings.beams > 1):
            raise SettingsError("begun: expected no options and one beam, because the first tokens are not chosen")
        trie = None if options is None else Trie(self.tokenizer, options)
        prefix = self.prefix(question, history, image is not None)
        room = answer_room(settings, len(prefix.tokens), self.config.max_tokens, trie)
        walk, first = None if trie is None else Walk(trie), self.tokenizer.encode(begun)
        return self._answer(prefix, image, settings, room, walk, should_stop, sites, first)

    @torch.inference_mode()
    def _answer(
        self,
        prefix: Prefix,
        image: EncodedImage | None,
        settings: GenerationSettings,
        room: int,
        walk: Walk | None,
        should_stop: Callable[[], bool],
        sites: Sites | None,
        begun: Sequence[int],
    ) -> Iterator[Step]:
        if should_stop():
            return
        reading, read = self.reader.read(prefix, image, sites), list[int]()
        try:
            if settings.beams == 1:
                yield from generate_tokens(reading, self.tokenizer, settings, room, walk, should_stop, read, begun)
            else:
                yield from self._searched(reading, settings, room, walk, should_stop)
        finally:
            self.reader.keep(reading, read)

    def _searched(
        self,
        reading: Reading,
        settings: GenerationSettings,
        room: int,
        walk: Walk | None,
        should_stop: Callable[[], bool],
    ) -> Iterator[Step]:
        writer = Writer(self.tokenizer, settings.stops)
        for token, logprob in beam_search(self.network.decoder, reading, settings, room, walk, should_stop):
            yield from writer.add(token, logprob)
            if writer.stopped:
                return
        yield from writer.rest()

    @torch.inference_mode()
    def generate_many(self, requests: Sequence[Request], should_stop: Callable[[], bool] = _never) -> list[Answer]:
        """The answers of several chats, worked out side by side, in the order of the requests; see `batching`.

        Searches with several beams are done one after the other.

        Args:
            requests: The questions.
            should_stop: Asked before each token; True ends all answers where they are.
        """
        steps: dict[int, list[Step]] = {}
        prefixes = [self.prefix(one.question, one.history, one.image is not None) for one in requests]
        together = [i for i, one in enumerate(requests) if one.settings.beams == 1]
        for start in range(0, len(together), MOST_ROWS):
            rows: dict[int, Row] = {}
            groups: dict[int, list[Row]] = defaultdict(list)
            for i in together[start : start + MOST_ROWS]:
                settings, tokens = requests[i].settings, len(prefixes[i].tokens)
                room = answer_room(settings, tokens, self.config.max_tokens, None)
                rows[i] = Row(self.reader.read(prefixes[i], requests[i].image), self.tokenizer, settings, room)
                groups[memory_keys(rows[i])].append(rows[i])
            for group in groups.values():
                if not should_stop():
                    write_together(group, self.reader.stepper, should_stop)
            for i, row in rows.items():
                self.reader.keep(row.reading, [])
                steps[i] = row.steps
        for i in sorted(set(range(len(requests))) - set(together)):
            one = requests[i]
            steps[i] = list(self.generate(one.image, one.question, one.history, one.settings, should_stop))
        return [Answer(tuple(steps[i]), prefixes[i].cut) for i in range(len(requests))]

    @torch.inference_mode()
    def choose(
        self,
        image: EncodedImage | None,
        question: str,
        options: Sequence[str],
        history: Sequence[tuple[str, str]] = (),
        beam: int | None = None,
        sites: Sites | None = None,
    ) -> list[Choice]:
        """How likely each of a closed list of answers is, best first; see `choosing`.

        Args:
            image: From `encode_image`, or None to talk without a picture.
            question: In any case; it is read in lower case.
            options: The answers; one that is given again counts once.
            history: As for `generate`.
            beam: Follow only so many beginnings of each length, and rank the options these lead to; exact where it is
                at least the number of options, and for thousands much faster where it is not. None: all, exactly.
            sites: As for `generate`.

        Raises:
            SettingsError: There are no options, one is empty or too long, or the beam is not at least 1.
        """
        if beam is not None and beam < 1:
            raise SettingsError(f"expected a beam of at least 1, got {beam}")
        trie = Trie(self.tokenizer, options)
        guess = self.network.name_guess
        if guess is not None and image is not None and asks_for_a_name(question):
            named = guess.scores_of(image.whole, [self.tokenizer.encode(option) for option in trie.options])
            if named is not None:
                return by_guess(trie.options, named)
        prefix = self.prefix(question, history, image is not None)
        trie.check_room(self.config.max_tokens - len(prefix.tokens))
        reading = self.reader.read(prefix, image, sites)
        try:
            return score(self.network.decoder, reading, trie, beam)
        finally:
            self.reader.keep(reading, [])

    def cut(self, question: str, history: Sequence[tuple[str, str]], image_given: bool) -> Cut:
        """What of a chat is left out of what the model reads, because it is too long; false where nothing is."""
        return self.prefix(question, history, image_given).cut

    def prefix(self, question: str, history: Sequence[tuple[str, str]], image_given: bool) -> Prefix:
        """What the model reads before it answers."""
        return build_prefix(self.tokenizer, question, history, image_given, self.config.max_prefix)

    def confidence(self, steps: Sequence[Step], image_given: bool) -> float:
        """Calibrated probability in [0, 1] that the answer of `steps` is right."""
        card = self.card
        if image_given:
            return probability(steps, card.confidence_with_image, card.curve_with_image)
        return probability(steps, card.confidence_without_image)

    @torch.inference_mode()
    def unfamiliarity(self, image: EncodedImage) -> float:
        """How unlike the training pictures a picture is, at least 0; see `familiarity`.

        Raises:
            WeightsError: The weights came without the statistics for it.
        """
        if self.familiarity is None:
            raise WeightsError(f"expected {FAMILIARITY_FILE} beside the weights of {self.name}, got none")
        return float(self.familiarity.distances(image.mean[None])[0])

    def is_unfamiliar(self, image: EncodedImage) -> bool:
        """Whether a picture is unlike the training pictures; False for weights that cannot say."""
        limit = self.card.unfamiliar_above
        return limit is not None and self.familiarity is not None and self.unfamiliarity(image) > limit

    @torch.inference_mode()
    def cross_attention(
        self, image: EncodedImage, question: str, history: Sequence[tuple[str, str]], steps: Sequence[Step]
    ) -> CrossAttention:
        """The decoder's cross-attention for an answer it gave, worked out again; see `CrossAttention` for the index."""
        layers, count = self.config.decoder_layers, len(steps)
        if not steps:
            grid = (0, layers, self.config.heads, image.rows, image.cols)
            return CrossAttention(torch.zeros(grid), torch.zeros(grid[:3]), torch.zeros(grid[:3]))
        prefix = self.prefix(question, history, True)
        last = prefix.turns[-1]
        tokens = [*prefix.tokens[last.begin :], *(step.token_id for step in steps[:-1])]
        sites = Sites(self.config, read=["decoder.*.cross.pattern"])
        memory, cache = self.reader.pictures.memory(image, last.question), self.reader.read_history(prefix, image)
        self.network.decoder(torch.tensor([tokens]), memory, cache=cache, sites=sites)
        places = image.rows * image.cols
        everywhere = torch.stack(
            [sites.only(f"decoder.{layer}.cross.pattern")[0, :, -count:] for layer in range(layers)]
        ).permute(2, 0, 1, 3)
        patterns, guess = everywhere[..., :places], places + self.config.class_token
        on_patches, on_guess = patterns.sum(-1), everywhere[..., guess : guess + self.config.guess_keys].sum(-1)
        weights = patterns / on_patches.clamp_min(torch.finfo(patterns.dtype).tiny)[..., None]
        return CrossAttention(weights.unflatten(-1, (image.rows, image.cols)), on_patches, on_guess)

    @torch.inference_mode()
    def guessed_names(self, image: EncodedImage, most: int = 5) -> list[GuessedName]:
        """What the picture half takes a picture for, likeliest first; see `name_guess`.

        The answer may say something else: the decoder sees the guess beside the picture, and the question.

        Args:
            image: From `encode_image`.
            most: So many names at most, at least 1.

        Raises:
            SettingsError: `most` is below 1, or this model guesses no names.
        """
        guess = self.network.name_guess
        if most < 1 or guess is None:
            raise SettingsError(
                f"expected most of at least 1 and a model whose config.json has names above 0; got {most} and"
                f" {self.config.names}"
            )
        spelled: dict[str, float] = defaultdict(float)
        probabilities = guess.scores(image.whole).softmax(-1)
        # More than are asked for, as some may be spelled alike.
        for share, name in zip(*probabilities.topk(min(4 * most, len(probabilities))), strict=True):
            spelled[self.tokenizer.decode(guess.spelling[name].tolist())] += float(share)
        ranked = sorted(spelled.items(), key=lambda item: -item[1])
        return [GuessedName(name, probability) for name, probability in ranked[:most]]

    def forget(self) -> None:
        """Drop what is kept of pictures and chats; call it after the weights were changed.

        A stepper or encoder that made its own form of the weights has to be replaced as well, see `decode_with`.
        """
        self.reader.forget()

    def decode_with(self, stepper: Stepper | None) -> None:
        """Decode with another stepper from now on; None for the network's own decoder. What is watched always is."""
        self.reader.stepper = stepper or DecoderStepper(self.network.decoder)
        self.reader.conversations.forget()

    def encode_with(self, encoder: Encoder | None) -> None:
        """Encode pictures with another encoder from now on; None for the network's own."""
        self.reader.pictures.encoder = encoder or NetworkEncoder(self.network)
        self.forget()
