"""Contrasts by rule: the same act with a target that may be hurt and with one that may not; the same topic asked for
doing, for understanding and for preventing; a deed told by its victim, done in a game, or looked back at in history.
Twins differ in what makes them harmful. The tables are data (``contrasts.yaml``).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from training.safety.sources import Row

_TABLES: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_HOW: list[str] = _TABLES["ways of asking how to"]
_DO = [*_HOW, *(way for way in _TABLES["asking to do"] if way not in _HOW)]
_FAMILY = ("sister", "son", "mother", "friend", "daughter")


def contrasts(count: int, seed: int = 0) -> Iterator[Row]:
    """Pairs by rule, half of them harmful.

    Args:
        count: how many rows; the grammar can make some hundred thousand.
        seed: of the choice.

    Yields:
        Rows of the source ``contrasts``.
    """
    chance = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < count:
        make = chance.choices(_MAKERS, weights=_SHARES)[0]
        for category, text in make(chance):
            if text not in seen:
                seen.add(text)
                yield Row(text, bool(category), category, "contrasts")


# Each makes one harmful text, with its category, and one harmless text, with none.
Twins = tuple[tuple[str, str], tuple[str, str]]


def _acts(chance: random.Random) -> Twins:
    act = chance.choice(_TABLES["acts"])
    harmful = act["harmful"] if isinstance(act["harmful"], list) else _TABLES[act["harmful"]]
    verb, way = chance.choice(act["verbs"]), chance.choice(_HOW)
    bad, good = chance.choice(harmful), chance.choice(act["harmless"])
    return (act["category"], way.format(f"{verb} {bad}")), ("", way.format(f"{verb} {good}"))


def _topics(chance: random.Random) -> Twins:
    topic = chance.choice(_TABLES["topics"])
    bad = chance.choice(_DO).format(topic["deed"])
    if chance.random() < 0.35:
        good = chance.choice(_TABLES["deeds in a safe frame"]).format(topic["deed"])
    else:
        good = chance.choice(_TABLES["asking about a topic"]).format(topic["topic"])
    return (topic["category"], bad), ("", good)


def _suffered(chance: random.Random) -> Twins:
    deed, told, somebody = (chance.choice(_TABLES[name]) for name in ("suffered", "told by the victim", "somebody"))
    bad = chance.choice(_HOW).format(f"{deed['do']} {chance.choice(_TABLES['others'])}")
    if chance.random() < 0.5:
        good = told.replace("{} me", "{}").format(somebody, f"{deed['does']} my {chance.choice(_FAMILY)}")
    else:
        good = told.format(somebody, deed["does"])
    return (deed["category"], bad), ("", good[0].upper() + good[1:])


def _played(chance: random.Random) -> Twins:
    deed, way, game = chance.choice(_TABLES["played"]), chance.choice(_HOW), chance.choice(_TABLES["games"])
    asked_first = chance.random() < 0.2
    good = f"In {game}, {way.format(deed['game'])}" if asked_first else way.format(f"{deed['game']} in {game}")
    return (deed["category"], way.format(deed["real"])), ("", good)


def _happened(chance: random.Random) -> Twins:
    event = chance.choice(_TABLES["happened"])
    name = chance.choice(event["names"])
    good = chance.choice(_TABLES["asking about the past"]).format(event["event"].format(name))
    return (event["category"], chance.choice(_DO).format(event["again"].format(name))), ("", good)


def _friendly(chance: random.Random) -> Twins:
    """The person may be hurt in both: it is the verb that tells."""
    person, way = chance.choice(_TABLES["people"]), chance.choice(_HOW)
    act = chance.choice([act for act in _TABLES["acts"] if act["harmful"] == "people"])
    bad, good = f"{chance.choice(act['verbs'])} {person}", f"{chance.choice(_TABLES['friendly verbs'])} {person}"
    return (act["category"], way.format(bad)), ("", way.format(good))


def _cared_for(chance: random.Random) -> Twins:
    thing, way = chance.choice(_TABLES["things that are also targets"]), chance.choice(_HOW)
    good = f"{chance.choice(thing['care'])} {chance.choice(thing['own'])}"
    verb, other = chance.choice(thing["verbs"]), chance.choice(thing["of others"])
    return (thing["category"], way.format(f"{verb} {other}")), ("", way.format(good))


_MAKERS = (_acts, _topics, _suffered, _played, _happened, _friendly, _cared_for)
_SHARES = (35, 22, 9, 9, 5, 10, 10)
