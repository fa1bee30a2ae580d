"""A model at a server behind the contract of `assistant.backends.Backend`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, sleep
from typing import Any, cast

from assistant import AnswerEnd, Delta, ImagePart, Message, ModelInfo, ModelTrace, TokenCount, Turn, TurnRecord
from assistant.errors import BackendError, GenerationError, ModelLoadError
from assistant_backends.served import problems, reading
from assistant_backends.served.address import ServerAddress
from assistant_backends.served.connection import LOOK_SECONDS, Connection, ConnectionBroken, Head
from assistant_backends.served.messages import has_pictures, messages, request
from assistant_backends.served.problems import ServerProblem
from assistant_backends.served.seam import Seam

WAITS = (0.5, 2.0)
"""Seconds before the second and the third try of a request of which no token came."""
LONGEST_WAIT = 10.0
"""A server that asks for a longer wait is not waited for."""
LOOK_UP_SECONDS = 10.0
"""How long the server may take to say which models it has."""

CARRY_ON = frozenset({"glassbox", "llamacpp", "sglang", "vllm"})
"""Servers that carry on a message which was begun, by what they say of their models in ``owned_by``."""
ASKED_TO_GO_ON = (
    "This server cannot carry on an answer, so the model was asked in words to go on: it may fit less well."
)
NO_SEED = "The model server takes no seed: the same question may get another answer next time."


class ServedBackend:
    """A model behind OpenAI's ``/chat/completions``. What it says about itself is what the address says: size and
    licence are known to the server alone.

    Args:
        name: the backend's name, as it was asked for.
        address: the model's name and the server.
        key: for this server; sent to it and to no other, never logged or shown.
        first_seconds: how long the server may be silent before the first piece of an answer.
        next_seconds: and after it.
    """

    can_trace = False
    can_go_on = True
    size = ""

    def __init__(
        self,
        name: str,
        address: ServerAddress,
        *,
        key: str = "",
        first_seconds: float = 120.0,
        next_seconds: float = 30.0,
    ) -> None:
        self.name = name
        self.title = f"{address.model}, at {address.server}"
        self.licence = "that of the model at the server"
        self.where = address.where
        self.notice = _notice(address, key)
        self._address = address
        self._key = key
        self._seconds = {"first_seconds": first_seconds, "next_seconds": next_seconds}
        self._reached = False
        self._carries_on = False
        self._unknown: set[str] = set()
        """Parameters that the server turned away once."""
        self._chooses: bool | None = None

    def load(self) -> None:
        """Make sure that the server is there.

        Raises:
            ModelLoadError: it cannot be reached, or does not accept the key.
        """
        if self._reached:
            return
        try:
            found = self._call("GET", "/models", None, LOOK_UP_SECONDS)
            self._carries_on = reading.owners(found) & CARRY_ON != set()
        except ServerProblem as problem:
            # A server may keep its list of models to itself, and still answer.
            if problem.status in (0, 401, 403):
                raise ModelLoadError(problem.message, hint=problem.hint) from problem
        self._reached = True

    def info(self) -> ModelInfo:
        """Its name; a server does not say which weights it runs."""
        return ModelInfo(name=self.name)

    def prepare(self, images: tuple[ImagePart, ...]) -> None:
        """Nothing: pictures go with the question."""

    def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
        """Ask the server. What fails before the first token is tried again where that may help.

        Raises:
            ServerProblem: the server cannot be reached, refused, broke off, or fell silent.
        """
        left_out, tries = 0, 0
        while not should_stop():
            carried = bool(turn.begun) and self._carries_on
            body = self._without_unknown(request(turn, self._address.model, left_out, carried=carried))
            seam = None if carried or not turn.begun else Seam(turn.begun)
            writing = False
            try:
                for item in self._answer(body, left_out, seam, should_stop):
                    writing = True
                    yield item
                return
            except ServerProblem as problem:
                if writing:
                    raise
                if problem.cure == "without" and self._give_up(problem.parameter, body):
                    continue
                if problem.cure == "shorter" and left_out < len(turn.history):
                    left_out += math.ceil((len(turn.history) - left_out) / 2)
                    continue
                if carried and problem.status in (400, 422, 500):  # a model's own template may not allow it
                    self._carries_on = False
                    continue
                if problem.cure != "again" or tries == len(WAITS):
                    raise
                wait = problem.after if problem.after is not None else WAITS[tries]
                if wait > LONGEST_WAIT:
                    raise
                tries += 1
                _sleep(wait, should_stop)

    def trace(self, record: TurnRecord) -> ModelTrace:
        """A server does not say.

        Raises:
            BackendError: always.
        """
        raise BackendError(
            f"The model {self._address.model} runs at {self._address.server}, and a server does not say where the "
            "words of an answer come from.",
            hint="Ask the bundled model, or a hf: model, to see that.",
        )

    @property
    def can_choose(self) -> bool:
        """Whether the server holds a model to a list of answers; it is asked once, with words that nobody would say."""
        if self._chooses is None:
            options = ("qvxen-17", "zubril-40")
            try:
                said = self._pick([{"role": "user", "content": "Say hello."}], options)[0]
                self._chooses = said in options
            except ServerProblem as problem:
                if problem.cure == "again":
                    raise
                self._chooses = False
        return self._chooses

    def choose(self, picture: ImagePart, question: str, options: Sequence[str]) -> list[tuple[str, float]]:
        """The option that the model chooses, with the probability of writing it; 1.0 where the server tells none.

        Raises:
            GenerationError: there is no option, or the server cannot hold a model to a list.
        """
        if not options:
            raise GenerationError("Expected at least one option to choose among, got none.")
        if not self.can_choose:
            raise GenerationError(
                f"The model server at {self._address.base} cannot hold a model to a list of answers.",
                hint="Ask in free words, or use a server with response_format, such as llama.cpp, vLLM or Ollama.",
            )
        said, probability = self._pick(messages(Turn(question=Message(text=question, images=(picture,)))), options)
        if said not in options:
            raise GenerationError(f"The model {self._address.model} chose {said!r}, which is none of the options.")
        return [(said, probability)]

    # Requests

    def _answer(
        self, body: dict[str, Any], left_out: int, seam: Seam | None, should_stop: Callable[[], bool]
    ) -> Iterator[Delta | AnswerEnd]:
        ended = ""
        count: TokenCount | None = None
        print_of_system = ""
        for chunk in self._chunks(body, should_stop):
            if chunk.get("error"):
                raise problems.said_in_stream(self._address, chunk["error"], self._key)
            choice = reading.first_choice(chunk)
            ended = choice.get("finish_reason") or ended
            count = _count(chunk.get("usage")) or count
            print_of_system = str(chunk.get("system_fingerprint") or print_of_system)
            text = reading.text_of(choice)
            text = text if seam is None else seam.feed(text)
            if text:
                yield Delta(text)
        if should_stop():
            return
        if not ended:
            raise problems.cut(self._address)
        if seam and (text := seam.rest()):
            yield Delta(text)
        notes = _left_out_note(left_out)
        if seam:
            notes.append(ASKED_TO_GO_ON)
        if "seed" in self._unknown:
            notes.append(NO_SEED)
        if ended == "content_filter":
            notes.append("The model server's own filter ended this answer.")
        yield AnswerEnd(
            state={"system_fingerprint": print_of_system} if print_of_system else {},
            notes=tuple(notes),
            tokens=None if count is None else count.model_copy(update={"cut_off": ended == "length"}),
        )

    def _chunks(self, body: dict[str, Any], should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """The chunks of a streamed answer, to the one that says that it is over."""
        connection = Connection(self._address, "POST", "/chat/completions", json.dumps(body).encode(), self._key)
        items = connection.items(should_stop, **self._seconds)
        writing = False
        try:
            head = next(items, None)
            if not isinstance(head, Head):
                return
            lines = (item for item in items if isinstance(item, bytes))
            if head.status != 200:
                said = b"".join(lines)[:100_000]
                raise problems.refused(self._address, head, said, self._key, pictures=has_pictures(body))
            if head.content_type == "application/json":
                yield reading.as_chunk(reading.whole(lines))
                return
            if head.content_type != "text/event-stream":
                raise ValueError(f"a stream was expected, and {head.content_type} came")
            for chunk in reading.chunks(lines):
                if chunk is None:
                    return
                writing = True
                yield chunk
        except ConnectionBroken as error:
            raise problems.broken(self._address, error.broken, writing=writing) from error
        except ValueError as error:
            raise problems.not_understood(self._address, str(error)) from error
        finally:
            connection.close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None, seconds: float) -> dict[str, Any]:
        """One request with a whole reply."""
        data = None if body is None else json.dumps(body).encode()
        connection = Connection(self._address, method, path, data, self._key)
        try:
            items = connection.items(lambda: False, first_seconds=seconds, next_seconds=seconds)
            head = next(items, None)
            lines = (item for item in items if isinstance(item, bytes))
            if not isinstance(head, Head) or head.status != 200:
                head = head if isinstance(head, Head) else Head(0, "", None)
                said = b"".join(lines)[:100_000]
                pictures = body is not None and has_pictures(body)
                raise problems.refused(self._address, head, said, self._key, pictures=pictures)
            return reading.whole(lines)
        except ConnectionBroken as error:
            raise problems.broken(self._address, error.broken, writing=False) from error
        except ValueError as error:
            raise problems.not_understood(self._address, str(error)) from error
        finally:
            connection.close()

    def _pick(self, said: list[dict[str, Any]], options: Sequence[str]) -> tuple[str, float]:
        """What the model says where it is asked to stay within a list, and the probability of its tokens."""
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string", "enum": list(options)}},
            "required": ["answer"],
            "additionalProperties": False,
        }
        body: dict[str, Any] = {
            "model": self._address.model,
            "messages": said,
            "temperature": 0,
            "max_tokens": 256,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            },
        }
        try:
            reply = self._call("POST", "/chat/completions", {**body, "logprobs": True}, self._seconds["first_seconds"])
        except ServerProblem as problem:
            if problem.cure == "again":
                raise
            reply = self._call("POST", "/chat/completions", body, self._seconds["first_seconds"])
        choice = reading.first_choice(reading.as_chunk(reply))
        try:
            answer = json.loads(reading.text_of(choice))["answer"]
        except (ValueError, KeyError, TypeError):
            answer = ""
        return str(answer), _probability(choice)

    def _without_unknown(self, body: dict[str, Any]) -> dict[str, Any]:
        body = {name: value for name, value in body.items() if name == "max_tokens" or name not in self._unknown}
        if "max_tokens" in self._unknown:  # newer models of OpenAI know it by its other name
            body["max_completion_tokens"] = body.pop("max_tokens")
            if "max_completion_tokens" in self._unknown:
                del body["max_completion_tokens"]
        return body

    def _give_up(self, parameter: str, body: dict[str, Any]) -> bool:
        """Leave a parameter out from now on; False where that changes nothing."""
        if parameter == "max_completion_tokens" and "max_tokens" in body:
            parameter = "max_tokens"  # the message names the one to be used instead
        if parameter not in body:
            return False
        self._unknown.add(parameter)
        return True


def _notice(address: ServerAddress, key: str) -> str:
    if address.here:
        return f"Questions and pictures go to {address.where}. Its answers pass the same rules."
    open_line = (
        "" if address.scheme == "https" else " The connection is not encrypted: others on the way can read along."
    )
    sent = " Your key goes with them." if key else ""
    return (
        f"Questions and pictures leave this computer: they go to {address.where}.{sent}{open_line} "
        "Its answers pass the same rules."
    )


def _left_out_note(left_out: int) -> list[str]:
    if not left_out:
        return []
    many = f"The first {left_out} questions" if left_out > 1 else "The first question"
    return [f"{many} of this chat did not fit into what the model reads, and had no part in this answer."]


def _count(usage: Any) -> TokenCount | None:
    if not isinstance(usage, dict):
        return None
    fields = cast("dict[str, Any]", usage)
    read, written = fields.get("prompt_tokens"), fields.get("completion_tokens")
    if isinstance(read, int) and isinstance(written, int) and read >= 0 and written >= 0:
        return TokenCount(read=read, written=written)
    return None


def _probability(choice: dict[str, Any]) -> float:
    """Of all tokens of a reply together; 1.0 where the server tells none."""
    told = choice.get("logprobs")
    tokens = cast("dict[str, Any]", told).get("content") if isinstance(told, dict) else None
    if not isinstance(tokens, list):
        return 1.0
    logprobs = [each.get("logprob") for each in cast("list[Any]", tokens) if isinstance(each, dict)]
    return min(1.0, math.exp(sum(each for each in logprobs if isinstance(each, int | float))))


def _sleep(seconds: float, should_stop: Callable[[], bool]) -> None:
    end = monotonic() + seconds
    while monotonic() < end and not should_stop():
        sleep(min(LOOK_SECONDS, max(0.0, end - monotonic())))
