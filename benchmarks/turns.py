"""What is kept over the turns of a chat saves: the first token of later turns; lists of answers; chats side by side.

Usage: python benchmarks/turns.py [--rounds 9] [--weights FOLDER] [--plain]
Without weights, random ones of the default shape with the packaged tokenizer: the work is the same. One thread, with
the fast decoder and encoder unless --plain. Prints a table (medians over alternating rounds) and a final JSON line.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
from PIL import Image

from assistant_vlm import GenerationSettings, LoadedModel, Request, load
from assistant_vlm.confidence import FEATURES
from assistant_vlm.config import Card, ModelConfig
from assistant_vlm.fast_decoder import FastDecoder
from assistant_vlm.fast_encoder import FastEncoder
from assistant_vlm.network import Network
from assistant_vlm.tokenizer import Tokenizer
from assistant_vlm.weight_sets import TOKENIZER_FILE, set_folder

QUESTIONS = (
    "what is in this picture?",
    "what colour is the circle?",
    "how many squares are there?",
    "is there a red star in the picture?",
    "where is the green ring?",
    "describe the picture",
)
ANSWER = "a red circle and a star"
WORDS = (
    "grinning", "face", "smiling", "cat", "red", "heart", "arrow", "up", "down", "left", "flag", "woman", "man",
    "running", "medium", "light", "dark", "skin", "tone", "hand", "clock", "moon", "star", "sun", "cloud", "rain",
    "house", "car", "train", "ship", "apple", "pear", "grapes", "melon", "dog", "horse",
)  # fmt: skip


def random_model() -> LoadedModel:
    """Random weights of the default shape."""
    tokenizer = Tokenizer((set_folder("open") / TOKENIZER_FILE).read_bytes())
    torch.manual_seed(0)
    plain = tuple(1.0 for _ in FEATURES)
    network = Network(ModelConfig(vocab=tokenizer.vocab))
    return LoadedModel(network, tokenizer, Card("random", "0", "none", 0.0, plain, plain), "")


def milliseconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = perf_counter()
    work()
    return (perf_counter() - begin) * 1000


def chat(model: LoadedModel, picture: Image.Image, times: dict[str, list[float]]) -> None:
    """Six turns with everything kept, then the sixth once more with nothing kept but the picture."""
    model.forget()
    times["encode a picture"].append(milliseconds(lambda: model.encode_image(picture)))
    times["the same pixels again"].append(milliseconds(lambda: model.encode_image(picture)))
    image, history = model.encode_image(picture), list[tuple[str, str]]()
    first = GenerationSettings(max_tokens=1)
    for number, question in enumerate(QUESTIONS):
        spent = milliseconds(lambda q=question: list(model.generate(image, q, history, first)))
        if number in (1, 5):
            times[f"first token of turn {number + 1}"].append(spent)
        history.append((question, ANSWER))
    model.reader.conversations.forget()
    spent = milliseconds(lambda: list(model.generate(image, QUESTIONS[5], history[:5], first)))
    times["first token of turn 6, the chat not kept"].append(spent)


def side_by_side(model: LoadedModel, picture: Image.Image, times: dict[str, list[float]]) -> None:
    """24 chats of up to 30 tokens, together and one by one; per chat."""
    image = model.encode_image(picture)
    requests = [Request(image, q, (), GenerationSettings(max_tokens=30)) for q in QUESTIONS * 4]
    model.reader.conversations.forget()
    times["an answer, 24 chats together"].append(milliseconds(lambda: model.generate_many(requests)) / 24)
    model.reader.conversations.forget()
    one_by_one = milliseconds(lambda: [list(model.generate(image, r.question, (), r.settings)) for r in requests])
    times["an answer, one chat after the other"].append(one_by_one / 24)


def lists(model: LoadedModel, picture: Image.Image, times: dict[str, list[float]]) -> None:
    """Lists of 300 and 1,800 names, whole and by beam."""
    rng = random.Random(0)
    names = sorted({" ".join(rng.choices(WORDS, k=rng.randint(1, 5))) for _ in range(2200)})
    rng.shuffle(names)
    image = model.encode_image(picture)
    for count, beam in ((300, None), (1800, None), (1800, 64)):
        options = names[:count]
        spent = milliseconds(lambda o=options, b=beam: model.choose(image, QUESTIONS[0], o, beam=b))
        times[f"choose among {count:,} names, " + (f"beam {beam}" if beam else "all scored")].append(spent)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--plain", action="store_true", help="the network's own decoder and encoder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load(options.weights) if options.weights else random_model()
    if not options.plain:
        model.decode_with(FastDecoder(model.network.decoder))
        model.encode_with(FastEncoder(model.network))
    picture = Image.radial_gradient("L").convert("RGB")
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(options.rounds + 1):
        found: dict[str, list[float]] = defaultdict(list)
        for work in (chat, side_by_side, lists):
            work(model, picture, found)
        if number:  # the first round warms up
            for name, values in found.items():
                times[name] += values
    medians = {name: round(statistics.median(values), 3) for name, values in times.items()}
    print(f"{'what':<52}{'ms':>9}")
    for name, value in medians.items():
        print(f"{name:<52}{value:>9.2f}")
    later, early = times["first token of turn 6"], times["first token of turn 2"]
    ratio = statistics.median(a / b for a, b in zip(later, early, strict=True))
    print(json.dumps({"benchmark": "turns", "rounds": options.rounds, "ms": medians, "turn_6_over_turn_2": ratio}))


if __name__ == "__main__":
    main()
