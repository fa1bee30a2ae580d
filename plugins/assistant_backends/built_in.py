"""Our own small model (`assistant_vlm`) behind the contract of `assistant.backends.Backend`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assistant import (
    AnswerEnd,
    Delta,
    ImagePart,
    Message,
    ModelInfo,
    ModelTrace,
    Reading,
    ReadText,
    Region,
    TokenCount,
    Turn,
    TurnRecord,
    Word,
)
from assistant.errors import BackendError, GenerationError, ModelLoadError
from assistant.intake import open_image
from assistant_backends.going_on import Unshown, split_begun
from assistant_backends.quoting import Quote, QuotedAnswer, quoted_answer
from assistant_backends.words import split_words

if TYPE_CHECKING:
    from assistant_vlm import Cut, EncodedImage, LoadedModel, Step
    from assistant_vlm.kept import Kept

KEPT_BYTES = 16 * 1024**2
"""Memory for encoded pictures by the hash of their files, so that a second question need not even open the file."""

EXACT_OPTIONS = 300
"""A list of answers up to this length is scored whole; of a longer one, the likeliest beginnings are followed."""
BEAM = 64
"""How many beginnings are followed in a long list."""

ANSWER_TOKENS = 64
"""The longest answer where a question does not say."""

CANNOT_TELL = "I can't tell from this picture."
CANNOT_TELL_WITHOUT_PICTURE = "I can't tell. I answer questions about pictures: please add one and ask about it."
UNFAMILIAR = "I can't tell from this picture: it is unlike those I was trained on."
TRY_PHOTOS = " For photographs, choose the model glassbox-photos, or a larger one."
TRY_LARGER = " A larger model may know more about it."
WITHHELD = (CANNOT_TELL, CANNOT_TELL_WITHOUT_PICTURE, UNFAMILIAR + TRY_PHOTOS, UNFAMILIAR + TRY_LARGER)
SURELY = 12
"""So many characters of one of these tell that it is one."""
FEW_WORDS = (
    "Text in pictures was not read, but for the few drawn words that the small model knows. To have it read, type: "
    "pip install 'glassbox[ocr]'"
)
READ_QUESTION = "what does it say?"
NO_WORDS = frozenset({"there is no text", "i can't tell", "nothing"})
"""What it says to that where it reads no word."""
DEFAULT_QUESTION = "what is in this picture?"
"""What is asked where pictures come without a word."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One set of weights that comes with the package, as it is shown where a person chooses a model."""

    title: str
    licence: str
    notice: str


OPEN = Weights(
    "Glassbox open, the bundled small model",
    "Apache-2.0",
    "A very small model, trained on drawn scenes and openly licensed pictures. It knows shapes, colours, places, "
    "small counts and a few drawn words. It does not understand photographs, and it says when it cannot tell.",
)
PHOTOS = Weights(
    "Glassbox photos, the bundled small model that also saw photographs",
    "Research only",
    "A very small model, trained partly on research-only photographs: their terms allow no other use, so do not use it "
    "for anything else. It knows more everyday things than Glassbox open, and it says when it cannot tell.",
)


@dataclass(frozen=True, slots=True)
class Part:
    """The answer about one picture, as it goes into the trace.

    ``start`` is where ``"".join(pieces)`` begins in the whole answer. Where the model was not sure enough, ``pieces``
    is empty: what it would have said is not kept.
    """

    image: int
    start: int
    confidence: float
    token_ids: tuple[int, ...] = ()
    pieces: tuple[str, ...] = ()
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said about one picture, and how many tokens were read and made for it."""

    steps: Sequence[Step]
    read: int
    made: int
    cut_off: bool


class BuiltInBackend:
    """The bundled model. Several pictures are answered one by one, as "Picture 1: ...".

    Args:
        folder: weights to use instead of the bundled ones.
        name: the backend's name.
        bundled: which of the bundled weights to use.
    """

    can_trace = True
    can_go_on = True

    def __init__(
        self, folder: Path | None = None, name: str = "glassbox-open", bundled: Literal["open", "photos"] = "open"
    ) -> None:
        shown = PHOTOS if bundled == "photos" else OPEN
        self.title, self.licence, self.notice = shown.title, shown.licence, shown.notice
        self.name = name
        self.size = ""
        self._folder: Path | None = folder
        self._bundled: Literal["open", "photos"] = bundled
        self._model: LoadedModel | None = None
        self._loading = threading.Lock()
        self._encoded = _encoded_pictures()

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelLoadError: they are missing, truncated or of another shape; or torch cannot be imported.
        """
        self._ready()

    def info(self) -> ModelInfo:
        """Name, version and the hash over weights, tokenizer and configuration."""
        model = self._ready()
        return ModelInfo(name=self.name, version=model.version, fingerprint=model.fingerprint)

    @property
    def own_reader(self) -> str:
        """How it signs what it reads in a picture itself, which is a few drawn words."""
        return f"the model {self.name}"

    def read_words(self, picture: ImagePart) -> Reading:
        """What it reads in a picture: one of the few drawn words that it knows, or nothing."""
        model = self._ready()
        text, confidence = self.answer_picture(picture, READ_QUESTION)
        word = text.strip(" .")
        sure = confidence >= model.abstain_below and not self.is_unfamiliar(picture)
        known = sure and bool(word) and word.lower() not in NO_WORDS
        place = Region(left=0, top=0, right=1, bottom=1)
        texts = (ReadText(text=word, region=place, confidence=confidence),) if known else ()
        return Reading(reader=self.own_reader, texts=texts, complete=False, note=FEW_WORDS)

    @property
    def abstain_below(self) -> float:
        """The confidence under which an answer is withheld, in [0, 1]."""
        return self._ready().abstain_below

    def answer_picture(self, picture: ImagePart, question: str) -> tuple[str, float]:
        """What it would say as the first answer of a chat, and how sure it is; also where a chat would withhold it."""
        model = self._ready()
        turn = Turn(question=Message(text=question, images=(picture,)))
        encoded, settings = self._encode(picture), _generation_settings(turn, ANSWER_TOKENS)
        steps = list(model.generate(encoded, _question(turn), (), settings, lambda: False))
        return "".join(step.text for step in steps), _confidence(model, steps, True)

    def is_unfamiliar(self, picture: ImagePart) -> bool:
        """Whether the picture is unlike those it was trained on; a chat then withholds the answer."""
        return self._ready().is_unfamiliar(self._encode(picture))

    def choose(self, picture: ImagePart, question: str, options: Sequence[str]) -> list[tuple[str, float]]:
        """The options with their probabilities, the likeliest first; of more than `EXACT_OPTIONS`, the best ones.

        Raises:
            GenerationError: there is no option, or one is empty or too long.
        """
        from assistant_vlm import VlmError

        beam = None if len(options) <= EXACT_OPTIONS else BEAM
        encoded = self._encode(picture)
        try:
            found = self._ready().choose(encoded, question or DEFAULT_QUESTION, options, beam=beam)
        except VlmError as error:
            raise GenerationError(f"The model {self.name!r} cannot choose: {error}.") from error
        return [(choice.option, choice.probability) for choice in found]

    def phrase(self, label: str, task: Literal["label", "naming"]) -> str:
        """The words in which its answers name a class (``label``), or something with a name of its own (``naming``)."""
        from assistant_vlm.naming import phrase

        return phrase(label, task)

    def prepare(self, images: tuple[ImagePart, ...]) -> None:
        """Encode the pictures, or find them encoded."""
        for image in images:
            self._encode(image)

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        """Answer about each picture. A part is held until the model knows how sure it is of it."""
        model = self._ready()
        images = turn.images
        quoted = quoted_answer(turn)
        shown = Unshown(turn.begun)
        if quoted is not None and quoted.reader != self.own_reader:
            yield from _quote(quoted, shown)
            return
        labels = _labels(images)
        begun = split_begun(turn.begun, labels)
        parts: list[Part] = []
        written = read = made = 0
        cut_off = False
        for number, label in enumerate(labels):
            image = self._encode(images[number]) if images else None
            given = begun[number] if number < len(begun) else ""
            withheld = next((each for each in WITHHELD if len(given) >= SURELY and each.startswith(given)), "")
            given = "" if withheld else given
            # What stands before the label of the next picture is whole.
            more = 0 if number + 1 < len(begun) else turn.settings.max_tokens or ANSWER_TOKENS
            said = self._write(turn, image, given, 0 if withheld else more, should_stop)
            if should_stop():
                return
            steps, read, made, cut_off = said.steps, read + said.read, made + said.made, cut_off or said.cut_off
            confidence = _confidence(model, steps, image is not None)
            start = written + len(label)
            unfamiliar = image is not None and model.is_unfamiliar(image)
            unsure = not steps or unfamiliar or confidence < model.abstain_below
            if withheld or (unsure and not given):
                parts.append(Part(number, start, confidence))
                pieces = [withheld or (self._withheld(unfamiliar) if images else CANNOT_TELL_WITHOUT_PICTURE)]
            else:
                pieces = [step.text for step in steps]
                parts.append(
                    Part(
                        number,
                        start,
                        confidence,
                        tuple(step.token_id for step in steps),
                        tuple(pieces),
                        tuple(step.logprob for step in steps),
                    )
                )
            for piece in (label, *pieces):
                if new := shown.of(piece):
                    yield Delta(new)
            written = start + sum(len(piece) for piece in pieces)
        answered = [part for part in parts if part.pieces]
        yield AnswerEnd(
            confidence=min(part.confidence for part in (answered or parts)),
            unsure=not answered,
            state={"parts": [asdict(part) for part in parts]},
            notes=_cut_notes(model.cut(_question(turn), _history(turn), bool(images))),
            tokens=TokenCount(read=read, written=made, cut_off=cut_off),
        )

    def _write(
        self, turn: Turn, image: EncodedImage | None, given: str, more: int, should_stop: Callable[[], bool]
    ) -> _Said:
        """What is said about one picture: what is given of it, and up to ``more`` tokens after that."""
        model = self._ready()
        question, history = _question(turn), _history(turn)
        prefix = len(model.prefix(question, history, image is not None).tokens)
        begun = len(model.tokenizer.encode(given))
        room = model.config.max_tokens - prefix
        if begun >= room:
            raise GenerationError(
                f"The answer is as long as the model {self.name!r} can write.", hint="Ask a question about the rest."
            )
        most = min(begun + more, room)
        if not most:
            return _Said((), prefix, 0, False)
        settings = _generation_settings(turn, most)
        steps = tuple(model.generate(image, question, history, settings, should_stop, begun=given))
        return _Said(steps, prefix + begun, len(steps) - begun, bool(more) and len(steps) >= most)

    def _withheld(self, unfamiliar: bool) -> str:
        """What is said instead of an answer about a picture. Weights that saw photographs do not offer themselves."""
        from assistant_vlm import packaged_sets

        if not unfamiliar:
            return CANNOT_TELL
        offers_photos = "photos" in packaged_sets() and "photos" not in self._ready().name
        return UNFAMILIAR + (TRY_PHOTOS if offers_photos else TRY_LARGER)

    def trace(self, record: TurnRecord) -> ModelTrace:
        """The model's own cross-attention for every token of an answer, computed again.

        Raises:
            BackendError: other weights wrote the answer, or no word of it was written by the model.
        """
        model = self._ready()
        made_by = record.trace.model
        if made_by is not None and made_by.reader:
            return _quoted_words(record)
        if made_by is None or made_by.fingerprint != model.fingerprint:
            raise BackendError(
                "This answer was written by another version of the model, so its attention cannot be computed again.",
                hint="Ask the question again to see where the new answer comes from.",
            )
        import numpy as np

        images = record.turn.images
        words: list[Any] = []
        attention: list[Any] = [np.zeros((0, 0, 0, 0, 0), dtype=np.float32)] * len(images)
        logprobs: list[float] = []
        for part in _parts(record):
            text = "".join(part.pieces)
            if record.answer[part.start : part.start + len(text)] != text:
                continue
            words += split_words(part.pieces, part.start, part.image)
            logprobs += part.logprobs
            if images and part.pieces:
                attention[part.image] = self._cross_attention(model, record.turn, images[part.image], part)
        if not words:
            raise BackendError(
                "No word of this reply was written by the model: it was not sure enough, or a rule changed the answer."
            )
        return ModelTrace(tuple(words), tuple(attention) if images else (), tuple(logprobs))

    def _cross_attention(self, model: LoadedModel, turn: Turn, image: ImagePart, part: Part) -> Any:
        import numpy as np

        from assistant_vlm import Step

        steps = [
            Step(index, token, text, logprob)
            for index, (token, text, logprob) in enumerate(zip(part.token_ids, part.pieces, part.logprobs, strict=True))
        ]
        found = model.cross_attention(self._encode(image), _question(turn), _history(turn), steps)
        weights = found.weights * found.on_patches[..., None, None]
        return weights.detach().cpu().numpy().astype(np.float32)

    def _ready(self) -> LoadedModel:
        with self._loading:
            if self._model is None:
                self._model = self._read()
            return self._model

    def _read(self) -> LoadedModel:
        try:
            import torch

            from assistant_vlm import VlmError, load, load_named
            from assistant_vlm.fastest import fastest
        except (ImportError, OSError, RuntimeError) as error:
            raise ModelLoadError(
                f"The bundled model needs torch, which cannot be imported: {error}.", hint="Type: assistant doctor"
            ) from error
        # One token at a time has no work for a second thread, and a spinning pool beside a busy neighbour is slower.
        torch.set_num_threads(1)
        try:
            model = load_named(self._bundled) if self._folder is None else load(self._folder)
            stepper, encoder = fastest(model.network)
            model.decode_with(stepper)
            model.encode_with(encoder)
            self.size = f"{model.parameters / 1e6:.1f} million parameters"
            return model
        except VlmError as error:
            raise ModelLoadError(str(error), hint="Type: assistant doctor") from error

    def _encode(self, image: ImagePart) -> EncodedImage:
        found = self._encoded.get(image.sha256)
        return found or self._encoded.put(image.sha256, self._ready().encode_image(open_image(image)))


def _quote(quoted: QuotedAnswer, shown: Unshown) -> Iterator[Delta | AnswerEnd]:
    for piece in quoted.pieces:
        if new := shown.of(piece):
            yield Delta(new)
    yield AnswerEnd(
        confidence=quoted.confidence,
        unsure=not quoted.quotes,
        state={"quotes": [asdict(quote) for quote in quoted.quotes]},
        reader=quoted.reader,
    )


def _quoted_words(record: TurnRecord) -> ModelTrace:
    """The quoted words of an answer, each with the line of the picture that it was copied from."""
    words: list[Word] = []
    for quote in (Quote(**each) for each in record.trace.backend_state.get("quotes", ())):
        reading = record.turn.images[quote.image].reading
        line = reading.texts[quote.line] if reading else None
        if line is not None and record.answer[quote.start : quote.end] == line.text:
            found = split_words([line.text], quote.start, quote.image)
            words += [replace(word, copied_from=line) for word in found]
    if not words:
        raise BackendError("No word of this reply was quoted from a picture: nothing was read, or a rule changed it.")
    return ModelTrace(tuple(words))


def _encoded_pictures() -> Kept[EncodedImage]:
    from assistant_vlm.kept import Kept

    return Kept(KEPT_BYTES, lambda image: image.bytes)


def _labels(images: Sequence[ImagePart]) -> list[str]:
    """What stands before the part of the answer about each picture; there is one part without a picture too."""
    if len(images) < 2:
        return [""]
    return [("\n" if number else "") + f"{_called(images, number)}: " for number in range(len(images))]


def _called(images: Sequence[ImagePart], number: int) -> str:
    """What one of several pictures is called in the answer."""
    place = images[number].place
    return f"Picture {number + 1}" if place is None else f"Place {place}"


def _cut_notes(cut: Cut) -> tuple[str, ...]:
    """What the model did not read, in sentences for the person."""
    notes: list[str] = []
    if cut.turns:
        many = f"The first {cut.turns} questions" if cut.turns > 1 else "The first question"
        notes.append(
            f"{many} about this picture did not fit into what the model reads, and had no part in this answer."
        )
    if cut.question_tokens:
        notes.append("The question is longer than what the model reads: only its end had a part in this answer.")
    return tuple(notes)


def _confidence(model: LoadedModel, steps: Sequence[Step], image_given: bool) -> float:
    return min(1.0, max(0.0, model.confidence(steps, image_given)))


def _question(turn: Turn) -> str:
    return turn.question.text or DEFAULT_QUESTION


def _history(turn: Turn) -> Sequence[tuple[str, str]]:
    """What was said since the pictures of this turn came in."""
    if turn.question.images:
        return ()
    since: list[tuple[str, str]] = []
    for exchange in turn.history:
        if exchange.question.images:
            since = []
        since.append((exchange.question.text or DEFAULT_QUESTION, exchange.answer))
    return since


def _generation_settings(turn: Turn, most: int) -> Any:
    from assistant_vlm import GenerationSettings

    settings = turn.settings
    return GenerationSettings(
        max_tokens=most,
        temperature=settings.temperature,
        top_p=settings.top_p,
        seed=settings.seed,
        stops=settings.stop,
    )


def _parts(record: TurnRecord) -> list[Part]:
    return [
        Part(
            image=part["image"],
            start=part["start"],
            confidence=part["confidence"],
            token_ids=tuple(part["token_ids"]),
            pieces=tuple(part["pieces"]),
            logprobs=tuple(part["logprobs"]),
        )
        for part in record.trace.backend_state.get("parts", ())
    ]
