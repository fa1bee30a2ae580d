"""Boxes and statements: every sentence is judged again, from its own words, by other means."""

import random
import re
from collections import Counter, defaultdict

import numpy as np

from training.boxes import BOX, Boxes, Item, draw_boxes, random_boxes
from training.statements import RULES, state

SEEN = [random_boxes(random.Random(seed)) for seed in range(400)]
NUMBERS = {w: i for i, w in enumerate(("no", "one", "two", "three", "four", "five", "six", "seven"))}
COLOURS, SHAPES = ("blue", "yellow", "black"), ("circle", "square", "triangle")


def number(word: str) -> int:
    return NUMBERS[word] if word in NUMBERS else int(word)


def kind(text: str) -> tuple[str, str]:
    """Colour and shape that a noun phrase names."""
    words = [w.rstrip("s") for w in text.split()]
    return next((c for c in COLOURS if c in words), ""), next((s for s in SHAPES if s in words), "")


def those(items: tuple[Item, ...] | list[Item], text: str) -> int:
    colour, shape = kind(text)
    return len([i for i in items if (not colour or i.colour == colour) and (not shape or i.shape == shape)])


def touching(items: list[Item], text: str) -> list[Item]:
    def walls(i: Item) -> int:
        return sum((i.x <= 0, i.x + i.size >= BOX, i.y <= 0, i.y + i.size >= BOX))

    if "not touching" in text:
        return [i for i in items if not walls(i)]
    if "corner" in text:
        return [i for i in items if walls(i) >= 2]
    if "right wall" in text:
        return [i for i in items if i.x + i.size >= BOX]
    if "base" in text or "bottom" in text:
        return [i for i in items if i.y + i.size >= BOX]
    return [i for i in items if walls(i)] if "touching" in text else items


def judged(boxes: Boxes, text: str) -> bool:
    """Whether a sentence holds, from its words alone."""
    piles = boxes.boxes
    if "same height" in text:
        return len({len(p) for p in piles}) == 1 if text.startswith("all") else len({len(p) for p in piles}) < 3
    if found := re.search(r"a (\w+) block (?:over|on|above) a (\w+) block", text):
        return any((b.colour, a.colour) == found.groups() and a.y - b.y == 21 for p in piles for a in p for b in p)
    if found := re.search(r"the (top|base) of the tower with (\w+) blocks? is (\w+)", text):
        (pile,) = (p for p in piles if len(p) == number(found[2]))
        return (min if found[1] == "top" else max)(pile, key=lambda i: i.y).colour == found[3]
    if found := re.search(r"tower with (?:exactly )?(\w+) blocks? (?:has|with) a (\w+) block at the (top|base)", text):
        (pile,) = (p for p in piles if len(p) == number(found[1]))
        return (min if found[3] == "top" else max)(pile, key=lambda i: i.y).colour == found[2]
    if found := re.search(r"there (?:is|are) (.+) towers? with a (\w+) block at the (top|base)", text):
        ends = [(min if found[3] == "top" else max)(p, key=lambda i: i.y).colour for p in piles].count(found[2])
        how = found[1].split()
        if how == ["a"]:
            return ends > 0
        n = number(how[-1])
        return ends == n if how[0] == "exactly" else ends >= n
    if "different color" in text:
        return any(len({i.colour for i in p}) == 3 for p in piles)
    if found := re.search(r"(?:box|tower) with only (.+) (?:items|blocks)", text):
        return any({i.colour for i in p} == set(found[1].split(" and ")) for p in piles)
    if found := re.search(r"there is a box with an? (.+) and an? (.+)", text):
        return any(those(p, found[1]) and those(p, found[2]) for p in piles)
    if found := re.search(r"(each|there is a|one of).*(?:box|tower) (?:with|has|that has|contains) (.+)", text):
        how, count, *noun = found[2].replace("at least", "at-least").split()
        n = number(count)
        counts = [those(p, " ".join(noun)) for p in piles]
        fit = [c == n if how == "exactly" else c >= n for c in counts]
        return all(fit) if found[1] == "each" else any(fit)
    found = re.match(r"there (?:is|are) (exactly |at least |at most )?(\w+) (.*)", text)
    assert found is not None, text
    items = those(touching(boxes.items, text), re.split("touching|closely|not ", found[3])[0])
    if found[2] in ("a", "an"):
        return items > 0
    n = number(found[2])
    return {"at least ": items >= n, "at most ": items <= n}.get(found[1] or "", items == n)


def test_statements_agree_with_their_words() -> None:
    rng = random.Random(4)
    rules: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for boxes in SEEN:
        for _ in range(12):
            asked = state(rng, boxes)
            if asked is None:
                continue
            assert asked.answer == ("true" if judged(boxes, asked.question) else "false"), (asked, boxes)
            rules[f"{asked.about['rule']} {asked.about.get('form', '')}"][asked.answer] += 1
    total = sum(rules.values(), Counter[str]())
    assert 0.45 < total["true"] / total.total() < 0.55
    assert len(rules) >= 15
    for rule, answers in rules.items():
        assert 0.2 < answers["true"] / answers.total() < 0.8, (rule, answers)


def test_every_rule_is_used() -> None:
    rng = random.Random(5)
    for towers, rules in RULES.items():
        for rule, _ in rules:
            found = [rule(rng, boxes, True) for boxes in SEEN if boxes.towers == towers]
            assert sum(stated is not None for stated in found) > 30, rule


def test_items_lie_inside_and_apart() -> None:
    for boxes in SEEN:
        for box in boxes.boxes:
            for i, a in enumerate(box):
                assert 0 <= a.x <= BOX - a.size
                assert 0 <= a.y <= BOX - a.size
                assert all(
                    a.x + a.size <= b.x or b.x + b.size <= a.x or a.y + a.size <= b.y or b.y + b.size <= a.y
                    for b in box[i + 1 :]
                )


def test_the_picture_has_the_format_of_the_corpus() -> None:
    for boxes in SEEN[:60]:
        pixels = np.asarray(draw_boxes(boxes))
        assert pixels.shape == (100, 400, 3)
        assert (pixels[:, 100:150] == 128).all()
        assert (pixels[:, 250:300] == 128).all()
        colours = {"blue": (0, 153, 255), "yellow": (255, 255, 0), "black": (0, 0, 0)}
        for number, box in enumerate(boxes.boxes):
            for item in box:
                middle = pixels[item.y + item.size * 2 // 3, 150 * number + item.x + item.size // 2]
                assert tuple(middle) == colours[item.colour]
