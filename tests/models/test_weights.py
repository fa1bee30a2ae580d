"""The weights that ship: they load, they answer, and they know more than the most frequent answer."""

import threading
from collections import Counter
from importlib.resources import files

import pytest
from PIL import Image

from assistant_vlm import LoadedModel, load_named, packaged_sets
from training.answers import Answered
from training.evaluate import by_kind, summary
from training.questions import CANNOT_TELL
from training.trials import answers as answers_to
from training.trials import generated

MOST_BYTES = 32 * 1024 * 1024


@pytest.fixture(scope="module", params=packaged_sets())
def packaged(request: pytest.FixtureRequest) -> LoadedModel:
    return load_named(request.param)


def test_they_say_who_they_are(packaged: LoadedModel) -> None:
    assert packaged.name
    assert packaged.version
    assert packaged.licence
    assert 1_000_000 < packaged.parameters < 20_000_000
    assert len(packaged.fingerprint) == 64
    assert 0 <= packaged.abstain_below < 1


def test_the_set_that_anyone_may_use_is_there() -> None:
    assert "open" in packaged_sets()


def test_they_are_small() -> None:
    for folder in (files("assistant_vlm") / "weights").iterdir():
        if folder.is_dir():
            assert sum(len(file.read_bytes()) for file in folder.iterdir() if file.is_file()) < MOST_BYTES


@pytest.fixture(scope="module")
def answers(packaged: LoadedModel) -> list[Answered]:
    return answers_to(packaged, generated("scenes", 424_242, 120, packaged.config.side))


def test_they_beat_the_most_frequent_answer_of_each_kind(packaged: LoadedModel, answers: list[Answered]) -> None:
    frequent = sum(Counter(a.asked.answer for a in group).most_common(1)[0][1] for group in by_kind(answers).values())
    assert sum(a.right for a in answers) > frequent
    assert summary(answers, packaged.abstain_below)["withheld"] < 0.6


def test_confidence_tells_right_from_wrong(answers: list[Answered]) -> None:
    right = [a.confidence for a in answers if a.right]
    wrong = [a.confidence for a in answers if not a.right]
    assert sum(right) / len(right) > sum(wrong) / max(1, len(wrong))


def test_a_blank_picture_is_declined(packaged: LoadedModel) -> None:
    image = packaged.encode_image(Image.new("RGB", (200, 200), (128, 128, 128)))
    steps = list(packaged.generate(image, "what is this?"))
    said = "".join(step.text for step in steps)
    assert said == CANNOT_TELL or packaged.confidence(steps, True) < packaged.abstain_below


def test_several_threads_get_what_one_gets(packaged: LoadedModel) -> None:
    image = packaged.encode_image(Image.new("RGB", (64, 64), "red"))
    alone = list(packaged.generate(image, "describe the image"))
    found: list[object] = []
    lock = threading.Lock()

    def ask() -> None:
        with lock:
            found.append(list(packaged.generate(image, "describe the image")))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 4
