"""Train the tokenizer on what the generators say and on the labels of the open sets."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import sentencepiece

from assistant_vlm.tokenizer import CONTROL, normalise_question
from training.conversations import conversation
from training.questions import Asked
from training.scenes import random_scene
from training.talk import ask_talk


def corpus(rng: random.Random, lines: int, from_sets: list[Asked]) -> Iterator[str]:
    """Questions (as the model reads them) and answers, one a line, each with the leading space that `encode` adds."""
    for _ in range(lines):
        kind = rng.random()
        if from_sets and kind < 0.35:
            turns = [rng.choice(from_sets)]
        elif kind < 0.45:
            turns = [ask_talk(rng)]
        else:
            turns = conversation(rng, random_scene(rng))
        for turn in turns:
            yield " " + normalise_question(turn.question)
            yield " " + turn.answer


def train_tokenizer(target: Path, vocab: int, seed: int, lines: int, from_sets: list[Asked]) -> None:
    """Write a unigram model of `vocab` pieces with byte fallback to `target`."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=corpus(random.Random(seed), lines, from_sets),
        model_writer=model,
        model_type="unigram",
        vocab_size=vocab,
        byte_fallback=True,
        split_digits=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=2,
        pad_piece=CONTROL[0],
        unk_piece=CONTROL[1],
        eos_piece=CONTROL[2],
        control_symbols=list(CONTROL[3:]),
        num_threads=2,
        minloglevel=2,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(model.getvalue())
