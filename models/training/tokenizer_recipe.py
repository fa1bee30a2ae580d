"""Train the tokenizer on what the generators say and on the text of the open data sets.

`python -m training.tokenizer_recipe --data FOLDER --to FILE`. The weights of both recipes share one tokenizer, so it
knows only text whose terms both may carry.
"""

import argparse
import io
import random
from collections.abc import Iterator
from pathlib import Path

import sentencepiece

from assistant_vlm.tokenizer import CONTROL, normalise_question
from training.asking import ask_row
from training.datasets import OPEN_SETS, VisionData, read_data
from training.questions import Asked
from training.sources import GENERATED, Mix, make_example
from training.talk import ask_talk


def corpus(rng: random.Random, lines: int, data: VisionData | None) -> Iterator[str]:
    """Questions (as the model reads them) and answers, one a line, each with the leading space that `encode` adds."""
    for _ in range(lines):
        for turn in _turns(rng, data):
            yield " " + normalise_question(turn.question)
            yield " " + turn.answer
    if data is not None:
        for rows in data.rows.values():
            for row in rows:
                for text in (row.label, row.coarse, *row.captions, *(t for pair in row.qa for t in pair)):
                    if text:
                        yield " " + normalise_question(text)


def _turns(rng: random.Random, data: VisionData | None) -> list[Asked]:
    kind = rng.random()
    if kind < 0.1:
        return [ask_talk(rng)]
    if data is not None and kind < 0.4:
        return [ask_row(rng, rng.choice(data.rows[rng.choice(list(data.rows))]), data)]
    source = rng.choice([name for name in GENERATED if name not in ("talk", "noise")])
    return next(make_example(rng, source, 32, Mix(), data).conversations)


def train_tokenizer(target: Path, vocab: int, seed: int, lines: int, data: VisionData | None) -> None:
    """Write a unigram model of `vocab` pieces with byte fallback to `target`."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=corpus(random.Random(seed), lines, data),
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


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the Parquet files")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--lines", type=int, default=60_000)
    options = parser.parse_args()
    data = read_data(options.data, OPEN_SETS)["train"]
    train_tokenizer(options.to, options.vocab, options.seed, options.lines, data)


if __name__ == "__main__":
    main()
