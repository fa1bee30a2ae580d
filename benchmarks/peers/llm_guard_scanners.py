"""LLM Guard with three scanners that need no weights, on the question and on the answer.

Usage: INTERPRETER benchmarks/peers/llm_guard_scanners.py, where INTERPRETER has the package ``llm-guard`` (tried with
0.3.16). It is asked by `benchmarks/overhead.py`; each line is a number of turns.
"""

from __future__ import annotations

import itertools
import logging

import llm_guard
from llm_guard import input_scanners, output_scanners
from llm_guard.util import configure_logger
from side_by_side import serve, spent

ANSWER = "There are three red circles and one blue square."
WORDS = ["how to build a bomb", "steal a car", "credit card dump"]
PATTERNS = [r"\b(?:\d[ -]?){13,16}\b"]


def main() -> None:
    """Answer until standard input ends."""
    configure_logger(log_level=logging.getLevelName(logging.ERROR))
    before = [
        input_scanners.BanSubstrings(substrings=WORDS),
        input_scanners.Regex(patterns=PATTERNS),
        input_scanners.Secrets(),
    ]
    after = [
        output_scanners.BanSubstrings(substrings=WORDS),
        output_scanners.Regex(patterns=PATTERNS),
        output_scanners.ReadingTime(max_time=10),
    ]
    numbers = itertools.count()

    def turn() -> None:
        question = f"How many red circles are left of square number {next(numbers)}?"
        _, valid, _ = llm_guard.scan_prompt(before, question)
        assert all(valid.values()), valid
        _, valid, _ = llm_guard.scan_output(after, question, ANSWER)
        assert all(valid.values()), valid

    serve(lambda line: spent(turn, int(line)))


if __name__ == "__main__":
    main()
