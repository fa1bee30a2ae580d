"""What is asked, what counts as right, and the floors; with a model that sees colours only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant import ImagePart
from assistant.errors import GenerationError
from assistant.evaluation.report import Report, Score, as_text
from assistant.evaluation.vision import evaluate
from assistant.settings import Settings
from assistant.testing import FakeModel

from .conftest import Seer, Write, row


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def scores(report: Report) -> dict[tuple[str, str], Score]:
    return {(score.target, score.manner): score for score in report.scores}


def shares(score: Score) -> dict[str, Any]:
    """Right answers of: the model, the majority, the blank and the swapped picture."""
    return {
        "right": score.result.right,
        "majority": score.majority.result.right,
        "blank": score.blank and score.blank.wrong_picture.right,
        "swapped": score.swapped and score.swapped.wrong_picture.right,
    }


def test_statements_are_asked_as_they_stand_and_answered_true_or_false(write: Write, settings: Settings):
    says = {"red": "true", "blue": "false", "nothing": "true"}
    model = Seer(lambda colour, _: says[colour])
    path = write(
        [
            row("a", "statement", "red", texts=["It is red."], label="true"),
            row("b", "statement", "blue", texts=["It is blue."], label="true"),
            row("c", "statement", "blue", texts=["It is a red dot."], label="false"),
        ]
    )
    found = scores(evaluate(path, model, settings))
    assert set(found) == {("statement", "choice"), ("statement", "free")}
    score = found["statement", "choice"]
    # With the next picture of another truth: a and b see c (blue: false, wrong), c sees a (red: true, wrong).
    assert shares(score) == {"right": 2, "majority": 2, "blank": 2, "swapped": 0}
    assert (score.majority.answer, score.options, score.question) == ("true", 2, None)
    assert score.swapped is not None
    assert score.swapped.right_picture.right == 2
    assert score.result.low < 2 / 3 < score.result.high
    assert shares(found["statement", "free"]) == shares(score)
    assert ("red", "It is red.") in model.chosen


def test_a_label_counts_in_the_models_words_or_in_its_own(write: Write, settings: Settings):
    answers = {"red": "A ball.", "blue": "blue cup", "green": "a cup", "nothing": "a cup"}
    model = Seer(lambda colour, _: answers[colour])
    path = write(
        [
            row("a", "label", "red", label="Ball", meta='{"style": "photo"}'),
            row("b", "label", "blue", label="Blue_Cup", meta='{"style": "photo"}'),
            row("c", "label", "green", label="cup", meta='{"style": "sketch"}'),
            row("d", "label", "red", label="cup"),
        ]
    )
    report = evaluate(path, model, settings)
    free = scores(report)["label", "free"]
    assert shares(free) == {"right": 3, "majority": 2, "blank": 2, "swapped": 0}
    assert {kind: (share.right, share.n) for kind, share in free.by_kind.items()} == {"photo": (2, 2), "sketch": (1, 1)}
    choice = scores(report)["label", "choice"]
    # Among "a ball", "a blue_cup", "a cup": only "a cup" is said just so; else "a ball" comes first.
    assert (choice.options, choice.result.right, choice.question) == (3, 2, "what is this?")
    assert choice.top5 is None


def test_what_is_known_is_not_asked_again(write: Write, settings: Settings):
    model = Seer(lambda colour, _: f"a {colour}")
    evaluate(
        write([row(str(n), "label", c, label=c) for n, c in enumerate(["red", "blue", "red", "green"])]),
        model,
        settings,
    )
    assert [colour for colour, _ in model.asked] == ["red", "blue", "red", "green", "nothing"]
    assert [colour for colour, _ in model.chosen] == ["red", "blue", "red", "green", "nothing"]


def test_a_row_with_a_wider_class_is_asked_for_both(write: Write, settings: Settings):
    def says(colour: str, question: str) -> str:
        if question == "what product is this?":
            return "a fuji" if colour == "red" else "a pear drop"
        return "an apple" if colour == "red" else "a pear"

    rows = [
        row("a", "label", "red", label="Fuji", meta='{"coarse": "Apple"}'),
        row("b", "label", "green", label="Conference", meta='{"coarse": "Pear"}'),
    ]
    found = scores(evaluate(write(rows), Seer(says), settings))
    assert found["label", "free"].result.right == 1
    assert found["coarse", "free"].result.right == 2
    assert found["coarse", "choice"].options == 2
    assert found["coarse", "choice"].question == "what is this?"


def test_names_are_ranked_among_all_names_of_the_file(write: Write, settings: Settings):
    names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "Eta"]
    rows = [row(name, "naming", "red", texts=[name], label=name) for name in names]
    report = evaluate(write(rows), Seer(lambda _, __: "zeta"), settings, limit=3)
    score = scores(report)["name", "choice"]
    # Of alpha, gamma and epsilon none is said, and all come among the first five: zeta, alpha, beta, delta, epsilon.
    assert (score.options, score.result.right) == (7, 0)
    assert score.top5 is not None
    assert (score.top5.right, score.top5.n) == (2, 3)
    assert score.swapped is not None
    assert report.file["used"] == 3


def test_questions_bring_their_own_answers_and_kinds(write: Write, settings: Settings):
    def qa(*pairs: tuple[str, str, str]) -> list[dict[str, str]]:
        return [{"question": q, "answer": a, "type": t} for q, a, t in pairs]

    rows = [
        row("a", "vqa", "red", qa=qa(("what colour?", "Red.", "open"), ("is it red?", "yes", "closed"))),
        row("b", "vqa", "blue", qa=qa(("what colour?", "the blue", "open"), ("is it red?", "no", "closed"))),
        row("c", "vqa", "red", qa=qa(("is it red?", "yes", "closed"))),
    ]
    model = Seer(lambda colour, question: colour if "what" in question else "yes")
    report = evaluate(write(rows), model, settings)
    assert set(scores(report)) == {("answer", "free")}
    score = scores(report)["answer", "free"]
    assert shares(score) == {"right": 4, "majority": 2, "blank": 2, "swapped": 2}
    assert {kind: (share.right, share.n) for kind, share in score.by_kind.items()} == {"closed": (2, 3), "open": (2, 2)}
    # a and c are judged by b (blue, no) and b by a and c (red, yes).
    assert score.question_alone is not None
    assert (score.question_alone.right, score.question_alone.n) == (0, 5)
    assert report.milliseconds["first question about a picture"].n == 3
    assert report.milliseconds["further question about a picture"].n == 2


def test_the_question_alone_is_judged_by_the_other_half_of_the_rows(write: Write, settings: Settings):
    even = [("q", "yes"), ("q", "yes"), ("q", "no"), ("once", "three")]
    odd = [("q", "no"), ("q", "no"), ("Q.", "yes"), ("r", "yes")]
    asked = [pair for both in zip(even, odd, strict=True) for pair in both]
    rows = [row(str(n), "vqa", qa=[{"question": q, "answer": a}]) for n, (q, a) in enumerate(asked)]
    score = scores(evaluate(write(rows), Seer(), settings))["answer", "free"]
    # Even rows: the odd ones say no to q (1 of 3 right), and no (before yes in the alphabet) to "once": wrong.
    # Odd rows: the even ones say yes to q (1 of 3 right), and yes, their most frequent, to r: right.
    assert score.question_alone is not None
    assert (score.question_alone.right, score.question_alone.n) == (3, 8)


def test_captions_are_scored_with_their_floors(write: Write, settings: Settings):
    captions = {
        "red": "a red dog runs far away",
        "blue": "a blue bird flies over the sea",
        "green": "two green cars stand in line",
        "nothing": "grey",
    }
    rows = [
        row(colour, "caption", colour, texts=[captions[colour], "a picture of something", f"{colour} thing"])
        for colour in ("red", "blue", "green")
    ]
    model = Seer(lambda colour, _: captions[colour], lambda colour: 0.9 if colour == "red" else 0.1)
    report = evaluate(write(rows), model, settings)
    assert report.scores == ()
    found = report.captions
    assert found is not None
    assert {question for _, question in model.asked} == {"describe the picture."}
    assert (found.n, found.references, found.majority_caption) == (3, 3, "a picture of something")
    assert found.bleu4.value == pytest.approx(100)
    assert (found.bleu4.blank, found.bleu4.majority) == (0, pytest.approx(100))
    assert found.cider_d.value > 300
    assert found.cider_d.low <= found.cider_d.value <= found.cider_d.high
    assert found.cider_d.swapped is not None
    assert found.cider_d.swapped < 50
    assert found.declined is not None
    assert (found.declined.withheld.right, found.declined.withheld.n) == (2, 3)
    assert "0.30 is 30" in found.scale


def test_rareness_is_counted_over_the_whole_file(write: Write, settings: Settings):
    rows = [row(str(n), "caption", "red", texts=["red dot here now"]) for n in range(4)]
    rows += [row(str(n), "caption", "blue", texts=["blue bird over there"]) for n in range(4, 8)]
    says = Seer(lambda _, __: "red dot here now")
    few = evaluate(write(rows), says, settings, limit=1).captions
    assert few is not None
    assert few.cider_d.value == pytest.approx(1000)  # over one row alone every word would weigh nothing


def test_confidence_is_held_against_the_answers(write: Write, settings: Settings):
    colours = ["red"] * 8 + ["blue"] * 2
    model = Seer(lambda colour, _: "a red", lambda colour: 0.9 if colour == "red" else 0.2)
    score = scores(evaluate(write([row(str(n), "label", c, label=c) for n, c in enumerate(colours)]), model, settings))
    free = score["label", "free"]
    assert free.trust is not None
    assert free.trust.auroc == 1.0
    assert free.trust.calibration_error == pytest.approx((8 * 0.1 + 2 * 0.2) / 10)
    assert (free.trust.surest.right, free.trust.surest.n) == (8, 8)
    assert free.declined is not None
    assert (free.declined.threshold, free.declined.withheld.right) == (0.5, 2)
    assert free.declined.kept is not None
    assert (free.declined.kept.right, free.declined.kept.n) == (8, 8)
    assert score["label", "choice"].declined is None


def test_answers_about_unfamiliar_pictures_are_withheld_too(write: Write, settings: Settings):
    class Careful(Seer):
        def is_unfamiliar(self, picture: ImagePart) -> bool:
            return self.colour(picture) == "blue"

    rows = [row(str(n), "label", c, label=c) for n, c in enumerate(["red", "blue", "green"])]
    rows.append(row("c", "caption", "blue", texts=["a blue thing on white"]))
    model = Careful(lambda c, _: f"a {c}", lambda c: 0.1 if c == "green" else 0.9)
    report = evaluate(write(rows), model, settings)
    free = scores(report)["label", "free"].declined
    assert free is not None
    assert (free.withheld.right, free.unfamiliar) == (2, 1)
    assert free.kept is not None
    assert (free.kept.right, free.kept.n) == (1, 1)
    assert report.captions is not None
    assert report.captions.declined is not None
    assert report.captions.declined.unfamiliar == 1
    assert "1 for an unfamiliar picture" in as_text(report)


def test_a_model_that_cannot_choose_is_scored_in_free_text_through_the_chats_own_stream(
    write: Write, settings: Settings
):
    model = FakeModel("red", confidence=None, unsure=True)
    report = evaluate(write([row("a", "label", "red", label="red"), row("b", "label", label="blue")]), model, settings)
    assert set(scores(report)) == {("label", "free")}
    score = scores(report)["label", "free"]
    assert (score.result.right, score.trust) == (1, None)
    assert score.declined is not None
    assert (score.declined.withheld.right, score.declined.threshold) == (2, None)
    assert "cannot be held to a list" in report.notes[0]
    assert model.turns[0].question.images[0].width == 96


def test_what_cannot_be_read_is_named_and_the_run_goes_on(write: Write, settings: Settings):
    rows = [
        row("torn", "label", label="red", image=b"\x89PNG\r\n\x1a\n torn"),
        row("empty", "label", label="red", image=b""),
        row("null", "label", label="red", image=None),
        row("good", "label", "red", label="red"),
        row("breaks", "vqa", qa=[{"question": "break", "answer": "x"}]),
        row("odd", "poem"),
    ]
    report = evaluate(write(rows), Seer(lambda c, _: f"a {c}"), settings)
    assert [each.id for each in report.problems] == ["odd", "torn", "empty", "null", "breaks"]
    why = {each.id: each.why for each in report.problems}
    assert "picture cannot be read" in why["torn"]
    assert "It broke." in why["breaks"]
    assert scores(report)["label", "free"].result.n == 1
    assert report.file["used"] == 2  # the row whose question broke had a picture that can be read


def test_a_model_that_answers_nothing_is_an_error(write: Write, settings: Settings):
    path = write([row("a", "vqa", qa=[{"question": "break", "answer": "x"}])])
    with pytest.raises(GenerationError, match=r"Not one row of some\.parquet.*It broke"):
        evaluate(path, Seer(), settings)


def test_the_report_says_what_it_takes_to_repeat_it(write: Write, settings: Settings):
    steps: list[tuple[str, int, int]] = []
    path = write([row("a", "label", "red", label="red"), row("b", "label", "blue", label="blue", split="val")])
    report = evaluate(path, Seer(), settings, on_step=lambda *step: steps.append(step))
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert data["model"]["name"] == "fake"
    assert len(data["model"]["fingerprint"]) == 64
    assert data["file"]["splits"] == {"train": 1, "val": 1}
    assert {"python", "glassbox", "numpy", "pyarrow", "torch"} <= set(data["versions"])
    assert data["seed"] == 0
    assert data["peak_memory_bytes"] is None or data["peak_memory_bytes"] > 1e6
    assert data["milliseconds"]["choice among 2 answers"]["median"] > 0
    assert steps[-1] == ("floors", 4, 4)
    assert ("questions", 2, 2) in steps


def test_the_text_for_people_has_every_part(write: Write, settings: Settings):
    rows = [row(c, "label", c, label=c, meta='{"style": "flat"}') for c in ("red", "blue", "green")]
    rows += [row(c + " caption", "caption", c, texts=[f"a {c} dot on white"]) for c in ("red", "blue")]
    text = as_text(evaluate(write(rows), Seer(lambda c, _: f"a {c}"), settings))
    for part in (
        "some.parquet: 5 of 5 rows, sha256 ",
        "label, among 3 answers (“what is this?”)",
        "label, in free text",
        "right                    100.0 %",
        "floor: majority           33.3 %",
        "floor: blank picture       0.0 %",
        "100.0 % with the right one",
        "of kind flat",
        "AUROC none",
        "a chat would withhold",
        "BLEU-4",
        "CIDEr-D",
        "0 to 100 as papers print it",
        "choice among 3 answers: median ",
    ):
        assert part in text, part
    assert "nan" not in text
