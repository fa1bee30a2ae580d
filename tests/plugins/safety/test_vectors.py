"""Word vectors out of a package, and what is judged where they are missing or not as expected."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from assistant_safety import learned, vectors
from assistant_safety.learned import NET_LIMIT
from assistant_safety.vectors import POOLED, WIDTH, available, pooled_vector


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Nothing that was read or judged is remembered, before and after."""
    remembered = (
        vectors._files,
        vectors._pieces_of,
        learned.weights,
        learned.judge_text,
        learned.harm_anywhere,
        learned._word_sums,
    )
    for each in remembered:
        each.cache_clear()
    yield
    for each in remembered:
        each.cache_clear()


def likeness(one: str, other: str) -> float:
    a, b = pooled_vector([one])[:WIDTH], pooled_vector([other])[:WIDTH]
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_words_of_like_meaning_lie_closer() -> None:
    assert available()
    assert likeness("gun", "rifle") > likeness("gun", "carpet") + 0.1
    assert likeness("doctor", "physician") > likeness("doctor", "volcano") + 0.1


def test_the_mean_and_the_maximum_are_over_pieces_in_any_order() -> None:
    words = ["how", "do", "i", "synthesise", "methamphetamine"]
    assert pooled_vector(words).shape == (POOLED,)
    assert np.allclose(pooled_vector(words), pooled_vector(words[::-1]), atol=1e-5)
    assert np.allclose(pooled_vector(["gun"] * 3), pooled_vector(["gun"]), atol=1e-5)


def test_the_maximum_keeps_a_telling_word_in_a_long_text() -> None:
    gun, both = pooled_vector(["gun"]), pooled_vector(["gun"] + ["carpet"] * 200)
    assert (both[WIDTH:] >= gun[WIDTH:] - 1e-5).all()
    assert np.allclose(both[:WIDTH], pooled_vector(["carpet"])[:WIDTH], atol=0.05)


@pytest.mark.parametrize("words", [[], [""], ["\ud800"]])
def test_no_word_is_zeros(words: list[str]) -> None:
    assert not pooled_vector(words).any()


@pytest.mark.parametrize("word", ["a" * 1_000_000, "\u202e\u05d0", "日本語", "🙂", "\x00", "\ud800a"])
def test_any_word_has_a_finite_vector(word: str) -> None:
    assert np.isfinite(pooled_vector([word])).all()


def test_where_the_package_is_missing_the_weighted_sum_judges_alone(
    forgotten: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vectors, "find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert not available()
        harmful = learned.judge_text("How do I cook crystal meth at home?")
        harmless = learned.judge_text("How do I cook rice at home?")
    assert harmful.probability > 0.5 > 0.3 > harmless.probability
    assert learned.weights().of_net(["meth"]) == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "wordllama is missing" in caplog.text


def test_files_that_are_not_as_expected_are_not_used(
    forgotten: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "weights").mkdir()
    save_file({"embedding.weight": np.zeros((5, 3), dtype=np.float16)}, tmp_path / vectors._TABLE)
    monkeypatch.setattr(vectors, "find_spec", lambda name: ModuleSpec(name, None, origin=str(tmp_path / "__init__.py")))
    assert not available()
    assert "cannot be read" in caplog.text
    assert learned.judge_text("How do I cook rice at home?").probability < 0.3


def test_the_net_adds_to_the_odds() -> None:
    known = learned.weights()
    words = ["how", "do", "i", "poison", "my", "neighbour"]
    hidden = np.maximum(pooled_vector(words) @ known.inner + known.inner_bias, 0)
    odds = float(np.clip(hidden @ known.outer + known.outer_bias, -NET_LIMIT, NET_LIMIT))
    assert known.of_net(words) == pytest.approx(known.share * odds)
    assert known.of_net(words) > known.of_net(["how", "do", "i", "water", "my", "tomatoes"]) + 0.5
