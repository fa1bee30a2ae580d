"""What the contract checks call a plugin's hooks with: ordinary turns, and odd ones that people really send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assistant.judgement import accept_nothing, accept_stamps, accept_verdicts
from assistant.messages import Feedback, Message, Reading, Receipt, Turn, TurnRecord
from assistant.testing import picture

if TYPE_CHECKING:
    from assistant.runtime import Runtime

TEXTS = (
    "what is this?",
    "x",
    "long " * 4000,
    "WHAT IS THIS!!!",
    "één 🙂 \u202eהפוך\u202c \x00 <b>&amp;</b>",
    "\n\t \n",
)
"""The last three have broken software before: capitals, signs of many scripts with a null, white space alone."""


def sample_turns(runtime: Runtime) -> list[TurnRecord]:
    """Finished turns of a house with the model for tests: with a picture, without, and one that follows."""
    from assistant.testing import ask

    first = ask(runtime, "what is this?", [picture()])
    follows = ask(runtime, "and what colour?", conversation_id=first.turn.conversation_id)
    return [first, follows, ask(runtime, "hello")]


def arguments_of(hook: str, records: Sequence[TurnRecord], runtime: Runtime) -> Iterator[dict[str, Any]]:
    """Arguments for one hook, several times over."""
    record = records[0]
    turns = [each.turn for each in records]
    turns += [record.turn.model_copy(update={"question": Message(text=text)}) for text in TEXTS]
    match hook:
        case "before_turn" | "packs_in_force":
            yield from ({"turn": turn} for turn in turns)
        case "check_segment":
            for turn, text in zip(turns, ("", *TEXTS), strict=False):
                yield {"turn": turn, "released": "", "segment": text, "whole": False}
                yield {"turn": turn, "released": text, "segment": text, "whole": True}
        case "after_turn":
            yield from ({"turn": turn, "answer": text} for turn, text in zip(turns, ("", *TEXTS), strict=False))
        case "turn_finished":
            yield from ({"record": each} for each in records)
        case "read_picture":
            yield {"image": record.turn.question.images[0]}
        case "record_feedback":
            for rating in ("up", "down", "none"):
                given = Feedback(turn_id=record.id, rating=rating, reasons=("x",), text=TEXTS[4])
                yield {"feedback": given, "record": record}
        case "explain_word":
            for each in records:
                trace = runtime.trace(each.id)
                yield from ({"record": each, "trace": trace, "word": word} for word in range(len(trace.words)))
        case "startup":
            yield {"host": runtime.host}
        case _:
            yield {}


def accept_of(hook: str) -> Callable[[Any], Any]:
    """What the house accepts from this hook."""
    from assistant.evaluators import accept_evaluators
    from assistant.explanations import Explanation
    from assistant.panels import accept_panels

    return {
        "before_turn": accept_verdicts,
        "check_segment": accept_verdicts,
        "after_turn": accept_verdicts,
        "packs_in_force": accept_stamps,
        "turn_finished": accept_nothing,
        "startup": accept_nothing,
        "read_picture": _one_of(Reading),
        "record_feedback": _one_of(Receipt),
        "explain_word": _one_of(Explanation),
        "feedback_reasons": _texts,
        "register_evaluators": accept_evaluators,
        "register_panels": accept_panels,
        "register_backends": lambda value: list(value or ()),
    }.get(hook, lambda value: value)


def _one_of(kind: type) -> Callable[[Any], Any]:
    def accept(value: Any) -> Any:
        if value is None or isinstance(value, kind):
            return value
        raise TypeError(f"expected None or a {kind.__name__}, got {type(value).__name__}")

    return accept


def _texts(value: Any) -> list[str]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in value or ()):
        raise TypeError(f"expected None or several texts, got {type(value).__name__}")
    return list(value or ())


def question_and_answer(turn: Turn) -> Iterator[tuple[str, str]]:
    """Every odd text, as a question and as an answer."""
    for text in (turn.question.text, *TEXTS):
        yield "question", text
        yield "answer", text
