"""NeMo Guardrails with so many trivial rails on the question and on the answer, around a model that answers at once.

Usage: INTERPRETER benchmarks/peers/nemo_rails.py RAILS, where INTERPRETER has the package ``nemoguardrails``
(tried with 0.24.1). It is asked by `benchmarks/overhead.py`; each line is a number of turns.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from typing import Any

from nemoguardrails import LLMRails, RailsConfig
from nemoguardrails.types import LLMResponse, LLMResponseChunk
from side_by_side import serve, spent

ANSWER = "There are three red circles and one blue square."


class AtOnce:
    """A model that answers at once."""

    model_name = "at-once"
    provider_name = "none"
    provider_url = None

    async def generate_async(self, prompt: object, *, stop: object = None, **_: object) -> LLMResponse:
        """The answer."""
        return LLMResponse(content=ANSWER)

    async def stream_async(
        self, prompt: object, *, stop: object = None, **_: object
    ) -> AsyncIterator[LLMResponseChunk]:
        """The answer, in one piece."""
        yield LLMResponseChunk(delta_content=ANSWER)


def rails(many: int) -> LLMRails:
    """Rails that let everything pass, so many on each side."""
    flow = "define subflow check {side} {n}\n  $ok = execute pass\n  if not $ok\n    bot refuse\n    stop\n\n"
    flows = "".join(flow.format(side=side, n=n) for side in ("question", "answer") for n in range(many))
    listed = {side: "".join(f"      - check {side} {n}\n" for n in range(many)) for side in ("question", "answer")}
    yaml = f"models: []\nrails:\n  input:\n    flows:\n{listed['question']}"
    yaml += f"  output:\n    flows:\n{listed['answer']}"
    config = RailsConfig.from_content(colang_content=f'define bot refuse\n  "No."\n\n{flows}', yaml_content=yaml)
    made = LLMRails(config, llm=AtOnce())

    async def passes(**_: Any) -> bool:
        return True

    made.register_action(passes, "pass")
    return made


def main() -> None:
    """Answer until standard input ends."""
    made = rails(int(sys.argv[1]))
    loop = asyncio.new_event_loop()
    numbers = itertools.count()

    def turn() -> None:
        question = f"How many red circles are left of square number {next(numbers)}?"
        reply = loop.run_until_complete(made.generate_async(messages=[{"role": "user", "content": question}]))
        assert reply["content"] == ANSWER, reply

    serve(lambda line: spent(turn, int(line)))


if __name__ == "__main__":
    main()
