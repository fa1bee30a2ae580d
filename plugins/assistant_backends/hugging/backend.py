"""A model of Hugging Face behind the contract of `assistant.backends.Backend`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import exp
from typing import Any

from assistant import (
    AnswerEnd,
    Delta,
    ImagePart,
    Message,
    ModelInfo,
    ModelTrace,
    TokenCount,
    Turn,
    TurnRecord,
    TurnSettings,
    Word,
)
from assistant.backends import Download
from assistant.errors import BackendError, GenerationError, ModelLoadError
from assistant.stop_texts import StopTexts
from assistant_backends.hugging.files import ModelFiles
from assistant_backends.hugging.loading import Loaded, load
from assistant_backends.hugging.looking import attention_maps
from assistant_backends.hugging.prompting import Prompt, prompt_of
from assistant_backends.hugging.writing import Chance, Text, Written, ends_of, write
from assistant_backends.words import split_words

MOST_OPTIONS = 300
"""Each option of a list is read by itself, so a longer list would take minutes."""


class HuggingBackend:
    """A vision-language model through `AutoModelForImageTextToText` and its processor.

    Args:
        name: the backend's name, as it was asked for.
        files: where the model is.
    """

    can_trace = True
    can_go_on = True
    notice = (
        "Runs on this computer with its own weights; its answers pass the same rules. It gives no calibrated "
        "confidence. A large model needs a graphics card to be quick."
    )

    def __init__(self, name: str, files: ModelFiles) -> None:
        self.name = name
        self.title = files.name.rstrip("/").rpartition("/")[2]
        self._files = files
        self._model: Loaded | None = None
        self._loading = threading.Lock()
        self._working = threading.Lock()
        """One thing at a time: an answer, or a look at one."""
        self.size = self.licence = ""
        self._describe()

    def missing(self) -> Download | None:
        """What has to be fetched from the hub.

        Raises:
            ModelLoadError: there is no such model, or the hub cannot be reached.
        """
        return self._files.missing()

    def download(self, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        """Fetch it from the hub.

        Raises:
            ModelLoadError: it cannot be fetched.
        """
        self._files.download(on_progress, should_stop)
        self._describe()

    def load(self) -> None:
        """Read the weights; nothing is fetched.

        Raises:
            ModelLoadError: they are not here, a package is missing, or they cannot be used.
        """
        self._ready()

    def start_anew(self) -> None:
        """An answer hangs and was left behind: the next one does not wait for it."""
        self._working = threading.Lock()

    def info(self) -> ModelInfo:
        """Name and the hash over weights, tokenizer and configuration."""
        return ModelInfo(name=self.name, fingerprint=self._ready().fingerprint)

    def prepare(self, images: tuple[ImagePart, ...]) -> None:
        """Nothing: the picture's encoder and the decoder run as one."""

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        """Write the answer.

        Raises:
            GenerationError: the question does not fit, or the model failed.
        """
        model = self._ready()
        if should_stop():
            return
        settings = turn.settings
        chance = Chance(settings.temperature, settings.top_p, settings.seed)
        stops = StopTexts(settings.stop)
        written: list[Written] = []
        with self._working, _in_words(self.name):
            prompt = prompt_of(model, turn)
            for step in write(model, prompt, chance, lambda: stops.found or should_stop()):
                written.append(step)
                if piece := stops.feed(step.text):
                    yield Delta(piece)
        if should_stop():
            return
        if rest := stops.rest():
            yield Delta(rest)
        yield AnswerEnd(
            state=_state(model, prompt, written),
            notes=_left_out_note(prompt.left_out),
            tokens=TokenCount(
                read=prompt.tokens + len(prompt.begun),
                written=len(written),
                cut_off=len(written) >= prompt.room and not stops.found and written[-1].token not in ends_of(model),
            ),
        )

    def trace(self, record: TurnRecord) -> ModelTrace:
        """The decoder's attention over the pictures for every token, computed by writing the answer once more.

        Raises:
            BackendError: other weights wrote the answer, or a rule changed it.
        """
        model = self._ready()
        made_by = record.trace.model
        if made_by is None or made_by.fingerprint != model.fingerprint:
            raise BackendError(
                "This answer was written by another version of the model, so its attention cannot be computed again.",
                hint="Ask the question again to see where the new answer comes from.",
            )
        state = record.trace.backend_state
        pieces: list[str] = state.get("pieces", [])
        tokens: list[int] = state.get("tokens", [])
        logprobs: list[float] = state.get("logprobs", [])
        start = _place_of("".join(pieces), record.answer)
        if not tokens or start is None:
            raise BackendError("No word of this reply is as the model wrote it: a rule changed the answer.")
        words = [word for word in split_words(pieces, start, 0) if record.answer[word.start : word.end] == word.text]
        begun: int = state.get("begun", 0)
        turn = record.turn.model_copy(
            update={"begun": "".join(pieces[:begun])}
        )  # so that the same part of the chat fits
        with self._working, _in_words(self.name):
            prompt = prompt_of(model, turn)
            maps, likely = attention_maps(model, prompt, tokens)
        shown = maps[len(maps) - len(record.turn.images) :]
        known = not begun or bool(likely)
        return ModelTrace(_looking_most(words, shown), shown, (*likely[:begun], *logprobs) if known else ())

    def choose(self, picture: ImagePart, question: str, options: Sequence[str]) -> list[tuple[str, float]]:
        """The options with their probabilities among each other, the likeliest first.

        Raises:
            GenerationError: there is no option, or there are more than `MOST_OPTIONS`.
        """
        if not 0 < len(options) <= MOST_OPTIONS:
            raise GenerationError(f"Expected 1 to {MOST_OPTIONS} options to choose among, got {len(options)}.")
        from assistant_backends.hugging.choosing import logprob_of

        model = self._ready()
        turn = Turn(question=Message(text=question, images=(picture,)), settings=TurnSettings(max_tokens=1))
        with self._working, _in_words(self.name):
            prompt = prompt_of(model, turn)
            scores = [logprob_of(model, prompt, option) for option in options]
        weights = [exp(score - max(scores)) for score in scores]
        ranked = sorted(zip(options, weights, strict=True), key=lambda pair: -pair[1])
        return [(option, weight / sum(weights)) for option, weight in ranked]

    def _ready(self) -> Loaded:
        with self._loading:
            if self._model is None:
                folder = self._files.folder()
                if folder is None:
                    raise ModelLoadError(
                        f"The model {self._files.name} is not on this computer yet.",
                        hint="On the page, an operator fetches it in the panel Models; in a shell: "
                        f"assistant models get {self.name}",
                    )
                self._model = load(folder, self._files.name)
                self._describe()
            return self._model

    def _describe(self) -> None:
        """Size and licence, as far as they are known without the hub."""
        self.licence = self._files.licence() or "see its card"
        if self._model is not None:
            self.size = f"{self._model.parameters / 1e6:,.1f} million parameters"
        elif found := self._files.weight_bytes():
            self.size = f"{found / 1e9:,.1f} GB"


@contextmanager
def _in_words(name: str) -> Generator[None]:
    """Says what it means where the memory is full."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if "out of memory" not in str(error).lower() and not isinstance(error, MemoryError):
            raise
        raise GenerationError(
            f"The model {name!r} does not fit into the memory of this computer together with this question.",
            hint="Ask with fewer or smaller pictures, or choose a smaller model.",
        ) from error


def _place_of(text: str, answer: str) -> int | None:
    """Where what the model wrote begins in the answer, which a stop text may cut; ``None`` where a rule changed it."""
    found = answer.find(text.rstrip())
    if found >= 0:
        return found
    return 0 if answer and text.startswith(answer) else None


def _looking_most(words: Sequence[Word], maps: Sequence[Any]) -> tuple[Word, ...]:
    """The words, each with the picture that got most of the attention."""
    if len(maps) < 2:
        return tuple(words)
    found: list[Word] = []
    for word in words:
        shares = [float(each[word.first : word.last + 1].sum()) if each.size else 0.0 for each in maps]
        found.append(replace(word, image=shares.index(max(shares))))
    return tuple(found)


def _state(model: Loaded, prompt: Prompt, written: Sequence[Written]) -> dict[str, Any]:
    """``begun`` of the tokens were there before; how likely they were is found out when somebody looks."""
    return {
        "tokens": [*prompt.begun, *(step.token for step in written)],
        "pieces": [*Text(model).add_whole(prompt.begun), *(step.text for step in written)],
        "logprobs": [round(step.logprob, 6) for step in written],
        "begun": len(prompt.begun),
    }


def _left_out_note(left_out: int) -> tuple[str, ...]:
    if not left_out:
        return ()
    many = f"The first {left_out} questions" if left_out > 1 else "The first question"
    return (f"{many} of this chat did not fit into what the model reads, and had no part in this answer.",)
