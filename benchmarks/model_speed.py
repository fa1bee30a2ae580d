"""Our model beside Hugging Face transformers at the same shape, in one process, with random weights and greedy choice.

Usage: python benchmarks/model_speed.py [--rounds 9] [--threads 1 2] [--out FILE]
Needs the extra `bench` (transformers; numba for the compiled decoder). Prints tables and a final JSON line.

Shape: 12.3 million parameters, pictures of 128 x 128 in patches of 16, width 256, 6 + 6 layers, 8 heads, feed-forward
1024, 4096 tokens, cross-attention in every decoder layer. A prompt of 64 tokens, 64 new ones. Engines take turns within
each round; a figure is the median over rounds of transformers' time over ours in the same round, with the quartiles.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from timeit import timeit
from typing import Any

import torch
from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.config import ModelConfig
from assistant_vlm.decoder import CrossMemory
from assistant_vlm.fast_compiled import CompiledDecoder, can_compile
from assistant_vlm.fast_decoder import FastDecoder
from assistant_vlm.fast_encoder import FastEncoder
from assistant_vlm.fast_linear import can_quantise
from assistant_vlm.network import Network
from assistant_vlm.sites import Sites
from assistant_vlm.stepper import DecoderStepper, Stepper

PROMPT, ANSWER, CHATS, CHAT_STEPS = 64, 64, 16, 24
QUESTION, REPLY = 24, 8
"""Tokens of a question and of an answer in the chat of six turns."""
SHAPE = ModelConfig(
    vocab=4096,
    stem_channels=(),
    stem_blocks=(),
    mlp="gelu",
    class_token=False,
    encoder_layers=6,
    decoder_layers=6,
    patch_positions="learned",
    text_positions="learned",
    max_prefix=192,
    max_tokens=256,
)
Times = dict[str, float]
Encode = Callable[[Tensor], Tensor]


class Ours:
    """One of our decoders behind the seam that generation uses, with an encoder."""

    def __init__(self, network: Network, stepper: Stepper, encode: Encode, remember: Callable[[Tensor], CrossMemory]):
        self.network, self.stepper, self.encode, self.remember = network, stepper, encode, remember

    def round(self, pixels: Tensor, prompt: list[int], chat: list[int]) -> Times:
        """Milliseconds of everything that is measured, once."""
        times, clock = Times(), Clock()
        patches = self.encode(pixels[:1])
        times["image encode"] = clock.lap()
        memory = self.remember(patches)
        cache = Cache(SHAPE)
        token = self.stepper.prefill(prompt, memory, cache).argmax()[None]
        times["prefill of 64"] = clock.lap()
        for _ in range(ANSWER - 1):
            token = self.stepper.step(token, cache, memory)[0].argmax()[None]
            int(token)
        times["decode, 1 chat"] = clock.lap() / (ANSWER - 1)
        times["whole first turn"] = clock.total()
        times |= self._together(pixels, prompt)
        for turn in (2, 6):
            before = (turn - 1) * (QUESTION + REPLY)
            cache = Cache(SHAPE)
            self.stepper.prefill(chat[:before], memory, cache)
            clock = Clock()
            self.stepper.prefill(chat[before : before + QUESTION], memory, cache).argmax().item()
            times[f"first token, turn {turn}"] = clock.lap()
        return times

    def _together(self, pixels: Tensor, prompt: list[int]) -> Times:
        memory = self.remember(self.encode(pixels))
        caches = []
        for i in range(CHATS):
            caches.append(Cache(SHAPE))
            self.stepper.prefill(prompt, [(k[i : i + 1], v[i : i + 1]) for k, v in memory], caches[-1])
        many, tokens = Cache.stacked(caches, PROMPT + CHAT_STEPS), torch.zeros(CHATS, dtype=torch.long)
        clock, laps = Clock(), list[float]()
        for _ in range(CHAT_STEPS - 1):
            tokens = self.stepper.step(tokens, many, memory).argmax(-1)
            laps.append(clock.lap())
        return {"decode, 16 chats, per step": statistics.median(laps)}

    def megabytes(self, chats: int) -> float:
        """Weights in every form that is held, and the chats at `PROMPT` + `ANSWER` tokens, each with its picture."""
        weights = sum(p.numel() * p.element_size() for p in self.network.parameters())
        own = {id(part): getattr(part, "bytes", 0) for part in (self.stepper, self.encode)}
        memory = 2 * SHAPE.decoder_layers * SHAPE.rows * SHAPE.cols * SHAPE.kv_heads * SHAPE.head_dim * 4
        return (weights + sum(own.values()) + chats * (Cache(SHAPE, PROMPT + ANSWER).bytes + memory)) / 1e6


class Theirs:
    """transformers' VisionEncoderDecoder: ViT and GPT-2 of the same sizes."""

    def __init__(self) -> None:
        import transformers

        transformers.logging.set_verbosity_error()
        encoder = transformers.ViTConfig(
            hidden_size=256, num_hidden_layers=6, num_attention_heads=8, intermediate_size=1024, image_size=128
        )
        decoder = transformers.GPT2Config(
            vocab_size=4096, n_positions=256, n_embd=256, n_layer=6, n_head=8, n_inner=1024, add_cross_attention=True
        )
        decoder.is_decoder, decoder.bos_token_id, decoder.eos_token_id = True, 0, None
        both = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
        self.model = transformers.VisionEncoderDecoderModel(both).eval()
        self._result = transformers.modeling_outputs.BaseModelOutput

    def _generate(self, prompt: Tensor, new: int, **given: Any) -> list[float]:
        """Milliseconds at which each new token was there."""
        clock, at = Clock(), list[float]()

        def note(tokens: Tensor, _: object, **__: object) -> Tensor:
            at.append(clock.total())
            return torch.zeros(len(tokens), dtype=torch.bool)

        self.model.generate(
            decoder_input_ids=prompt,
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            pad_token_id=0,
            stopping_criteria=[note],
            **given,
        )
        at[-1] = clock.total()
        return at

    def round(self, pixels: Tensor, prompt: list[int], chat: list[int]) -> Times:
        """Milliseconds of everything that is measured, once."""
        times, clock, ids = Times(), Clock(), torch.tensor([prompt])
        encoded = self.model.encoder(pixels[:1])
        times["image encode"] = clock.lap()
        at = self._generate(ids, ANSWER, encoder_outputs=encoded)
        times["prefill of 64"] = at[0]
        times["decode, 1 chat"] = (at[-1] - at[0]) / (ANSWER - 1)
        times["whole first turn"] = self._generate(ids, ANSWER, pixel_values=pixels[:1])[-1]
        many = self._result(last_hidden_state=self.model.encoder(pixels).last_hidden_state)
        at = self._generate(ids.repeat(CHATS, 1), CHAT_STEPS, encoder_outputs=many)
        times["decode, 16 chats, per step"] = statistics.median(b - a for a, b in itertools.pairwise(at[:-1]))
        for turn in (2, 6):
            whole = torch.tensor([chat[: (turn - 1) * (QUESTION + REPLY) + QUESTION]])
            times[f"first token, turn {turn}"] = self._generate(whole, 1, pixel_values=pixels[:1])[-1]
        return times

    def megabytes(self, chats: int) -> float:
        """Weights and the chats at `PROMPT` + `ANSWER` tokens, each with its picture and class token."""
        weights = sum(p.numel() * p.element_size() for p in self.model.parameters())
        return (weights + chats * 2 * 6 * 256 * 4 * (PROMPT + ANSWER + 65)) / 1e6


class Clock:
    """Milliseconds since it was made, and since the last lap."""

    def __init__(self) -> None:
        self._begin = self._last = perf_counter()

    def lap(self) -> float:
        last, self._last = self._last, perf_counter()
        return (self._last - last) * 1000

    def total(self) -> float:
        return (perf_counter() - self._begin) * 1000


def engines(network: Network) -> dict[str, Ours | Theirs]:
    """Everything that takes part, transformers first."""
    decoder = network.decoder
    found: dict[str, Ours | Theirs] = {
        "transformers": Theirs(),
        "plain": Ours(network, DecoderStepper(decoder), network.encode, decoder.cross_memory),
    }
    kinds = (False, True)[: 1 + can_quantise()]
    encoders = [FastEncoder(network, quantised=quantised) for quantised in kinds]
    for title, make in (("", FastDecoder), ("compiled ", CompiledDecoder))[: 1 + can_compile()]:
        for quantised, encoder in zip(kinds, encoders, strict=True):
            stepper = make(decoder, quantised=quantised)
            found[title + ("8-bit" if quantised else "exact")] = Ours(network, stepper, encoder, encoder.cross_memory)
    return found


@torch.inference_mode()
def measured(found: dict[str, Ours | Theirs], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by row and engine; a first round warms up and is left out."""
    pixels, generator = torch.rand(CHATS, 3, 128, 128), torch.Generator().manual_seed(0)
    prompt, chat = (torch.randint(1, 4096, (n,), generator=generator).tolist() for n in (PROMPT, 6 * 32))
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds + 1):
        order = list(found.items())
        for name, engine in order if number % 2 else reversed(order):
            for row, value in engine.round(pixels, prompt, chat).items():
                if number:
                    times[row][name].append(value)
    return times


def summary(times: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """For each row and engine: median milliseconds, and median and quartiles of transformers' time over it."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row, by_engine in times.items():
        found[row] = {}
        for name, values in by_engine.items():
            ratios = [a / b for a, b in zip(by_engine["transformers"], values, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            found[row][name] = {"ms": statistics.median(values), "times": middle, "low": low, "high": high}
    return found


def show(title: str, result: dict[str, dict[str, dict[str, float]]]) -> None:
    """The table of one setting."""
    names = list(next(iter(result.values())))
    print(f"\n{title}\n{'':<28}" + "".join(f"{name:>26}" for name in names))
    for row, cells in result.items():
        line = f"{row:<28}"
        for name in names:
            cell = cells[name]
            text = f"{cell['ms']:.2f} ms"
            if name != "transformers":
                text += f" {cell['times']:.1f}x ({cell['low']:.1f}-{cell['high']:.1f})"
            line += f"{text:>26}"
        print(line)


@contextmanager
def stranger() -> Iterator[None]:
    """A process that keeps the last core busy."""
    process = multiprocessing.get_context("spawn").Process(target=_busy, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _busy() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    while True:
        pass


@torch.inference_mode()
def watching(network: Network, rounds: int) -> dict[str, float]:
    """What it costs that the plain decoder can be watched, and what watching it costs."""
    decoder = network.decoder
    memory = decoder.cross_memory(network.encode(torch.rand(1, 3, 128, 128)))

    class Counting(Sites):
        visits = 0

        def visit(self, name: str, value: Tensor) -> Tensor:
            self.visits += 1
            return super().visit(name, value)

    counting, times = Counting(SHAPE), defaultdict[str, list[float]](list)
    for number in range(rounds + 1):
        for name, read in (("nobody", None), ("nothing read", ()), ("everything read", ("*",))):
            sites = None if read is None else Sites(SHAPE, read)
            stepper, cache = DecoderStepper(decoder, sites), Cache(SHAPE)
            token = stepper.prefill(list(range(PROMPT)), memory, cache).argmax()[None]
            clock = Clock()
            for _ in range(ANSWER):
                token = stepper.step(token, cache, memory)[0].argmax()[None]
            if number:
                times[name].append(clock.lap() / ANSWER)
    DecoderStepper(decoder, counting).step(torch.tensor([0]), Cache(SHAPE), memory)
    at, repeats = None, 1_000_000
    check = (timeit(lambda: at is not None, number=repeats) - timeit(lambda: None, number=repeats)) / repeats * 1e6
    nobody = statistics.median(times["nobody"])
    # A watched site is one test when nobody watches, and handing the scope on to a part is about as many again.
    return {
        "sites a token passes": float(counting.visits),
        "tests for a watcher, microseconds a token": 2 * counting.visits * check,
        "tests for a watcher, share of a token": 2 * counting.visits * check / (nobody * 1000),
        **{
            f"{name}, multiple of nobody": statistics.median(
                a / b for a, b in zip(times[name], times["nobody"], strict=True)
            )
            for name in ("nothing read", "everything read")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--no-stranger", action="store_true", help="leave out the runs beside a busy process")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    network = Network(SHAPE).eval()
    found = engines(network)
    theirs = found["transformers"]
    assert isinstance(theirs, Theirs)
    counts = {"ours": network.parameters_count, "transformers": sum(p.numel() for p in theirs.model.parameters())}
    print(f"parameters: {counts}; torch {torch.__version__}; {os.cpu_count()} cores; {arguments.rounds} rounds")
    result: dict[str, Any] = {"benchmark": "model_speed", "rounds": arguments.rounds, "parameters": counts, "runs": {}}
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        title = f"{threads} thread" + "s" * (threads > 1)
        result["runs"][title] = summary(measured(found, arguments.rounds))
        show(title, result["runs"][title])
        if not arguments.no_stranger:
            with stranger():
                result["runs"][title + ", a busy stranger"] = summary(measured(found, arguments.rounds))
            show(title + ", one core kept busy by a stranger", result["runs"][title + ", a busy stranger"])
    torch.set_num_threads(1)
    print("\nmegabytes" + " " * 19 + "".join(f"{name:>26}" for name in found))
    result["megabytes"] = {}
    for title, chats in (("weights and 1 chat", 1), ("weights and 16 chats", 16)):
        result["megabytes"][title] = {name: engine.megabytes(chats) for name, engine in found.items()}
        print(f"{title:<28}" + "".join(f"{value:>24.1f}" for value in result["megabytes"][title].values()))
    growth = 2 * SHAPE.decoder_layers * SHAPE.kv_heads * SHAPE.head_dim * 4
    result["bytes_per_token_and_chat"] = growth
    print(f"a token of a chat takes {growth} bytes in all of them")
    result["watching"] = watching(network, arguments.rounds)
    print("\nwatching")
    for name, value in result["watching"].items():
        print(f"{name:<50}{value:>10.4f}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
