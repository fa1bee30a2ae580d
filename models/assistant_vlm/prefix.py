"""What the decoder reads before it answers: the chat so far as tokens, turn by turn, and what had to be left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant_vlm.tokenizer import ANSWER, END, QUESTION, WITH_PICTURE, WITHOUT_PICTURE, Tokenizer, normalise_question


@dataclass(frozen=True)
class Cut:
    """What of a chat was left out, because the model reads only so much.

    Attributes:
        turns: Earlier questions with their answers, the oldest ones.
        question_tokens: Tokens from the start of the question.
    """

    turns: int = 0
    question_tokens: int = 0

    def __bool__(self) -> bool:
        return self.turns > 0 or self.question_tokens > 0


@dataclass(frozen=True)
class TurnSpan:
    """Where one turn lies in the prefix.

    Attributes:
        begin: Its first token; the picture mark belongs to the first turn.
        question: Its question's tokens with the marks before and after it.
        asked: Where its answer begins; for the last turn, the prefix ends there.
        end: Where the next turn begins.
    """

    begin: int
    question: tuple[int, ...]
    asked: int
    end: int


@dataclass(frozen=True)
class Prefix:
    """The tokens before the answer: picture mark, earlier questions and answers, the question, and the answer mark.

    Attributes:
        tokens: All of it.
        turns: Its turns, oldest first; the last one is the question.
        cut: What was left out.
    """

    tokens: tuple[int, ...]
    turns: tuple[TurnSpan, ...]
    cut: Cut


def build_prefix(
    tokenizer: Tokenizer, question: str, history: Sequence[tuple[str, str]], picture: bool, longest: int
) -> Prefix:
    """The prefix of a question.

    When a chat outgrows `longest`, its oldest turns go in one block, until at most half of `longest` is left. What goes
    depends on the turns so far alone: the next questions find the same beginning again, so that cached keys and values
    stay of use, where dropping just enough each time would shift everything at each turn.

    Args:
        tokenizer: The model's tokenizer.
        question: The question; where it alone is longer than `longest` tokens, its end is kept.
        history: Earlier questions and answers, oldest first.
        picture: Whether there is a picture.
        longest: Longest prefix, in tokens.
    """
    asked: list[tuple[int, ...]] = []
    answers: list[list[int]] = []
    cut_tokens = 0
    for earlier in (*(turn[0] for turn in history), question):
        tokens = tokenizer.encode(normalise_question(earlier))
        cut_tokens = max(0, len(tokens) - (longest - 3))
        asked.append((QUESTION, *tokens[cut_tokens:], ANSWER))
    for _, answer in history:
        answers.append([*tokenizer.encode(answer), END])
    first, size = 0, 1
    for turn, one in enumerate(asked):
        size += len(one)
        if size > longest:
            while first < turn and size > longest // 2:
                size -= len(asked[first]) + len(answers[first])
                first += 1
        if turn < len(answers):
            size += len(answers[turn])
    prefix = [WITH_PICTURE if picture else WITHOUT_PICTURE]
    spans: list[TurnSpan] = []
    for turn in range(first, len(asked)):
        begin = len(prefix) if spans else 0
        prefix += asked[turn]
        asked_end = len(prefix)
        if turn < len(answers):
            prefix += answers[turn]
        spans.append(TurnSpan(begin, asked[turn], asked_end, len(prefix)))
    return Prefix(tuple(prefix), tuple(spans), Cut(first, cut_tokens))
