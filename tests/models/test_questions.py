"""The generator's answers, derived again from the scene by other means."""

import random
import re
from collections import Counter

import pytest

from training.conversations import conversation, follow_up
from training.questions import KINDS, Asked, ask
from training.scenes import (
    BACKGROUNDS,
    COLOURS,
    SHAPES,
    Scene,
    Thing,
    Word,
    centre_patches,
    patch_labels,
    random_scene,
    render,
)
from training.wording import typed

SCENES = [random_scene(random.Random(seed)) for seed in range(250)]


def fits(thing: Thing, about: dict[str, str], prefix: str = "") -> bool:
    colour, shape = about[f"{prefix}colour"], about[f"{prefix}shape"]
    return (not colour or thing.colour == colour) and (not shape or thing.shape == shape)


def the_one(scene: Scene, about: dict[str, str], prefix: str = "") -> Thing:
    (found,) = (t for t in scene.things if fits(t, about, prefix))
    return found


def cell(thing: Thing) -> str:
    rows = {0: "top ", 1: "", 2: "bottom "}
    cols = {0: "left", 1: "", 2: "right"}
    return (rows[int(thing.y // (1 / 3))] + cols[int(thing.x // (1 / 3))]).strip() or "center"


def an(text: str) -> str:
    return f"an {text}" if re.match("[aeiou]", text) else f"a {text}"


def further(relation: str, a: Thing, b: Thing) -> bool:
    return {"left": a.x < b.x, "right": a.x > b.x, "above": a.y < b.y, "below": a.y > b.y}[relation]


def oracle(scene: Scene, asked: Asked) -> str | None:
    """The right answer, from the scene and what the question is about; None where only a description would do."""
    about, things = asked.about, scene.things
    absent = bool(about.get("colour") or about.get("shape")) and not any(fits(t, about) for t in things)
    yes = {True: "yes", False: "no"}
    match asked.kind:
        case "count":
            return str(sum(fits(t, about) for t in things))
        case "exists":
            return yes[any(fits(t, about) for t in things)]
        case "colour":
            return f"There is no {about['shape']}." if absent else the_one(scene, about).colour
        case "shape":
            return f"There is no {about['colour']} shape." if absent else the_one(scene, about).shape
        case "is colour":
            return yes[about["colour"] == the_one(scene, {"colour": "", "shape": about["shape"]}).colour]
        case "where":
            return f"There is no {about['shape']}." if absent else cell(the_one(scene, about))
        case "relation":
            first, second = the_one(scene, about, "first "), the_one(scene, about, "second ")
            verdict = yes[further(about["relation"], first, second)]
            said = re.fullmatch("The (.+) is (.+), the (.+) is (.+): (yes|no)[.]", asked.answer)
            assert said is not None
            across = about["relation"] in ("left", "right")
            words = ("left", "center", "right") if across else ("top", "middle", "bottom")
            thirds = [words[int(3 * (t.x if across else t.y))] for t in (first, second)]
            assert thirds[0] != thirds[1]
            assert [said[2], said[4], said[5]] == [*thirds, verdict]
            assert all(any(w in said[i].split() for w in (t.colour, t.shape)) for i, t in ((1, first), (3, second)))
            return asked.answer
        case "neighbour":
            if absent:
                return f"There is no {about['shape']}."
            anchor = the_one(scene, about)
            (found,) = (t for t in things if t is not anchor and further(about["relation"], t, anchor))
            return an(f"{found.colour} {found.shape}")
        case "extreme":
            (found,) = (t for t in things if all(o is t or further(about["relation"], t, o) for o in things))
            return an(f"{found.colour} {found.shape}")
        case "size":
            first, second = the_one(scene, about, "first "), the_one(scene, about, "second ")
            assert max(first.size, second.size) / min(first.size, second.size) > 1.35
            value = first.size > second.size if about["size"] == "bigger" else first.size < second.size
            said = re.fullmatch("The (.+) is (.+), the (.+) is (.+): (.+)[.]", asked.answer)
            assert said is not None
            order = ["small", "medium", "big"]
            assert (order.index(said[2]) > order.index(said[4])) == (first.size > second.size)
            if about["form"] == "yes/no":
                assert said[5] == yes[value]
            else:
                assert said[5] == f"the {said[1] if value else said[3]}"
            return asked.answer
        case "biggest":
            found = (max if about["size"] == "bigger" else min)(things, key=lambda t: t.size)
            return an(f"{found.colour} {found.shape}")
        case "more":
            x, y = (sum(fits(t, about, prefix) for t in things) for prefix in ("first ", "second "))
            said = re.fullmatch("(.+) ([0-9]), (.+) ([0-9]): (.+)[.]", asked.answer)
            assert said is not None
            assert (int(said[2]), int(said[4])) == (x, y)
            if about["form"] == "which":
                assert said[5] == (said[1] if x > y else said[3] if y > x else "the same")
            else:
                assert said[5] == yes[{"more": x > y, "fewer": x < y, "as many": x == y}[about["form"]]]
            return asked.answer
        case "read":
            return "There is no text." if scene.word is None else scene.word.text.casefold()
        case "background":
            return scene.background
        case "colours":
            found_colours = {t.colour for t in things}
            return " and ".join(sorted(found_colours, key=list(COLOURS).index)).replace(
                " and ", ", ", len(found_colours) - 2
            )
        case "unknowable":
            return "I can't tell."
        case _:
            return None


@pytest.mark.parametrize("kind", KINDS)
def test_answers_agree_with_the_oracle(kind: str) -> None:
    rng = random.Random(kind)
    checked = 0
    for scene in SCENES:
        for _ in range(4):
            asked = KINDS[kind][0](rng, scene)
            if asked is None:
                continue
            expected = oracle(scene, asked)
            if expected is None:
                check_description(scene, asked)
            else:
                assert asked.answer == expected, (scene, asked)
            checked += 1
    assert checked >= 20


NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def check_description(scene: Scene, asked: Asked) -> None:
    """A description counts every thing once and repeats the word."""
    text = asked.answer
    if scene.word is not None:
        assert scene.word.text.lower() in text
    if not scene.things:
        return
    sentence = text.split(" It says")[0].rstrip(".")
    head = re.fullmatch(r"There are (\w+) shapes(?:: (.*))?", sentence)
    if head is not None:
        assert NUMBERS.index(head[1]) == len(scene.things)
    listed = head[2] if head is not None else re.sub("^There (is|are) ", "", sentence)
    if listed is None:
        return
    found: Counter[tuple[str, ...]] = Counter()
    for part in re.split(", | and ", listed):
        number, *words = part.split()
        words[-1] = next(s for s in SHAPES if words[-1] in (s, s + "s", s + "es"))
        found[tuple(words)] += 1 if number in ("a", "an") else NUMBERS.index(number)
    by_shape = all(len(words) == 1 for words in found)
    places = [(list(COLOURS).index(w[0]) if len(w) == 2 else 0, SHAPES.index(w[-1])) for w in found]
    assert places == sorted(places)
    assert found == Counter((t.shape,) if by_shape else (t.colour, t.shape) for t in scene.things)


def test_follow_ups_agree_with_the_oracle() -> None:
    rng = random.Random(3)
    kinds: Counter[str] = Counter()
    for scene in SCENES * 8:
        second = follow_up(rng, scene, ask(rng, scene))
        if second is None:
            continue
        kinds[second.about["ask"]] += 1
        if second.about["ask"] == "count":
            assert second.answer == str(sum(fits(t, second.about) for t in scene.things))
            continue
        thing = next(t for t in scene.things if fits(t, second.about))
        expected = {"place": cell(thing), "colour": thing.colour, "shape": thing.shape}[second.about["ask"]]
        assert second.answer == expected
    assert set(kinds) == {"count", "place", "colour", "shape"}


def test_yes_and_no_are_balanced() -> None:
    rng = random.Random(9)
    for kind in ("exists", "relation", "is colour", "size", "more"):
        answers = Counter(a.answer for scene in SCENES * 6 if (a := KINDS[kind][0](rng, scene)) is not None)
        yes, no = (sum(n for a, n in answers.items() if a.rstrip(".").endswith(end)) for end in ("yes", "no"))
        share = yes / (yes + no)
        assert 0.4 < share < 0.65, (kind, share)


def test_things_lie_inside_and_apart() -> None:
    for scene in SCENES:
        for i, a in enumerate(scene.things):
            assert 0 < a.x - a.size / 2.4 < a.x + a.size / 2.4 < 1
            for b in scene.things[i + 1 :]:
                assert (a.x - b.x) ** 2 + (a.y - b.y) ** 2 > (a.size / 2 + b.size / 2) ** 2 * 0.9


def test_a_drawn_thing_has_its_colour_at_its_centre() -> None:
    for scene in SCENES[:80]:
        picture = render(scene, 200)
        for thing in scene.things:
            pixel = picture.getpixel((int(thing.x * 200), int(thing.y * 200)))
            assert isinstance(pixel, tuple)
            near = max(abs(p - c) for p, c in zip(pixel, COLOURS[thing.colour], strict=True))
            assert near <= 14 + 5 * scene.grain  # 14: the generator's change of colour


def test_patch_labels_find_every_big_thing_and_nothing_else() -> None:
    for scene in SCENES:
        labels = patch_labels(scene, 12, 12)
        assert labels.shape == (12, 12)
        assert set(labels.flat) <= set(range(len(scene.things) + 1))
        for i, thing in enumerate(scene.things):
            if thing.size > 0.2:
                assert labels[int(thing.y * 12), int(thing.x * 12)] == i + 1


def test_every_thing_has_its_centre_in_a_patch() -> None:
    for scene in SCENES:
        centres = centre_patches(scene, 12, 12)
        assert centres.shape == (12, 12)
        assert {(int(t.y * 12), int(t.x * 12)) for t in scene.things} == set(zip(*centres.nonzero(), strict=True))
    assert centre_patches(Scene((Thing("star", "red", 1.0, 1.0, 0.2),), "white"), 4, 4)[3, 3] == 1


def test_a_word_is_drawn_where_the_scene_says() -> None:
    word = Word("STOP", 0.5, 0.3, 0.5, 0.2, "red")
    picture = render(Scene((), "white", word), 100).convert("L").point([255 if v < 200 else 0 for v in range(256)])
    left, top, right, bottom = picture.getbbox() or (0, 0, 0, 0)
    assert (left + right) / 200 == pytest.approx(0.5, abs=0.03)
    assert (top + bottom) / 200 == pytest.approx(0.3, abs=0.03)
    assert (bottom - top) / 100 == pytest.approx(0.2, abs=0.05)


def test_the_same_seed_draws_the_same() -> None:
    a, b = (random_scene(random.Random(4)) for _ in range(2))
    assert a == b
    assert render(a).tobytes() == render(b).tobytes()
    assert a.background in BACKGROUNDS


def test_slips_of_the_finger_keep_the_question_readable() -> None:
    rng = random.Random(1)
    for _ in range(300):
        question = typed(rng, "what colour is the square?")
        letters = Counter(question.lower()) - Counter("what colour is the square?")
        assert "squ" in question.lower() or "what" in question.lower()
        assert "77" in typed(rng, "is this the number 77, or not?")
        assert sum(letters.values()) <= 20


def test_conversations_have_one_to_three_turns() -> None:
    rng = random.Random(2)
    lengths = Counter(len(conversation(rng, scene)) for scene in SCENES)
    assert set(lengths) <= {1, 2, 3}
    assert lengths[1] > lengths[2] > 0
