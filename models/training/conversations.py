"""Several questions about one picture, of which later ones may lean on the one before."""

import random
from collections.abc import Mapping

from assistant_vlm.naming import with_article
from training.questions import Asked, ask, clearly_placed, some_referent
from training.scenes import Scene, Thing
from training.wording import Referent, name, noun, place, typed


def follow_up(rng: random.Random, scene: Scene, before: Asked) -> Asked | None:
    """A short second question that leans on the first, such as `and the square?`; None when none fits."""
    if before.kind == "colour" and not before.answer.startswith("There") and before.about["shape"]:
        others = [
            t
            for t in scene.things
            if t.shape != before.about["shape"] and len(Referent(None, t.shape).found_in(scene.things)) == 1
        ]
        if others and rng.random() < 0.5:
            other = rng.choice(others)
            form = rng.choice(("and the {s}?", "what about the {s}?", "and what about the {s}?", "the {s}?"))
            return Asked(
                form.format(s=other.shape),
                other.colour,
                "follow-up",
                {"ask": "colour", "colour": "", "shape": other.shape},
            )
    if before.kind == "count" and (before.about["shape"] or before.about["colour"]):
        ref = some_referent(rng, scene, 0.8)
        form = rng.choice(("and {n}?", "and how many {n}?", "what about {n}?", "and the {n}?"))
        return Asked(
            form.format(n=noun(rng, ref, True)),
            str(len(ref.found_in(scene.things))),
            "follow-up",
            {"ask": "count", **ref.about()},
        )
    single = _singled_out(scene, before)
    if single is None:
        return None
    ask_for = rng.choice(("place", "place", "colour", "shape"))
    about = {"ask": ask_for, "colour": single.colour, "shape": single.shape}
    if ask_for == "place":
        if not clearly_placed(single):
            return None
        return Asked(
            rng.choice(("where is it?", "where?", "and where is it?", "in which part of the picture is it?")),
            place(single),
            "follow-up",
            about,
        )
    if ask_for == "colour":
        c = rng.choice(("colour", "color"))
        return Asked(
            rng.choice((f"what {c} is it?", f"what {c}?", f"which {c} does it have?")),
            single.colour,
            "follow-up",
            about,
        )
    return Asked(rng.choice(("what shape is it?", "what shape?", "which shape?")), single.shape, "follow-up", about)


def _singled_out(scene: Scene, before: Asked) -> Thing | None:
    """The one thing that an earlier question and answer were about."""
    if before.kind in ("colour", "shape", "where") or (before.kind == "exists" and before.answer == "yes"):
        found = Referent(before.about["colour"] or None, before.about["shape"] or None).found_in(scene.things)
    elif before.kind in ("biggest", "extreme", "neighbour", "what"):
        found = [t for t in scene.things if with_article(name(t)) == before.answer]
    else:
        return None
    return found[0] if len(found) == 1 else None


def conversation(
    rng: random.Random, scene: Scene, longer: float = 0.15, shares: Mapping[str, float] | None = None
) -> list[Asked]:
    """One question, or with probability `longer` two or three of which later ones may lean on the one before."""
    turns = [ask(rng, scene, shares)]
    if rng.random() < longer:
        second = follow_up(rng, scene, turns[0]) if rng.random() < 0.75 else None
        turns.append(second or ask(rng, scene, shares))
        if rng.random() < 0.2:
            turns.append(ask(rng, scene, shares))
    return [Asked(typed(rng, t.question), t.answer, t.kind, t.about) for t in turns]
