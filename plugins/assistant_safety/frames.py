"""Read a request as an intent frame: who asks for which act, on what target, by what means, in which stance and frame.

Deterministic: classes of words (``lexicon.yaml``) in the order in which they stand. The reading says itself as a
sentence, and names what takes a suspicion back (a *defeater*): a homonym, fiction, a game, history, law, prevention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from assistant_safety.features import classes_of, tokens_of, words_in

Stance = Literal["asks how", "asks to write", "asks about", "wants to prevent or get help", "says"]

_HOSTILE = ("act_kill", "act_hurt", "act_destroy", "act_take_person", "act_steal", "act_cheat", "act_hack", "act_watch")
_ACTS = (
    *_HOSTILE,
    "act_shame",
    "act_manipulate",
    "act_sexual",
    "act_discriminate",
    "act_hide",
    "act_make",
    "act_get",
    "act_sell",
)
_PEOPLE = ("person_close", "person_any", "person_public", "person_police", "person_child", "person_weak", "group")
_THINGS = ("place_public", "infrastructure", "account", "money", "private_data", "device", "animal")
_MEANS = (
    "weapon_mass",
    "weapon_hand",
    "poison",
    "drug_hard",
    "malware",
    "fraud_thing",
    "falsehood",
    "hate_word",
    "sex_word",
    "selfharm_word",
    "election_word",
    "crime_word",
)
# A hostile act on one of these is meant in another sense ("kill a process", "shoot a portrait").
_HOMONYMS = ("software", "figure", "food", "pest", "game_target")
_FRAMES = {"frame_fiction": "fiction", "frame_game": "a game", "frame_history": "history", "frame_law": "law"}
_ASKING = words_in(
    """
    how ways way steps instructions tutorial guide plan teach recipe method methods tips
    """
)
_WRITING = words_in(
    """
    write compose draft create generate make give tell produce list
    """
)
_ABOUT = words_in(
    """
    what who when why where which define is are was were did does explain describe summarise summarize
    """
)
_HELP = words_in(
    """
    prevent protect stop avoid detect recognise recognize spot report defend survive treat help support
    recover remove against victim victims survivor survivors safely
    """
)
_WORDS = {
    "act_kill": "kill",
    "act_hurt": "hurt",
    "act_destroy": "destroy",
    "act_take_person": "abduct or hold",
    "act_steal": "steal from",
    "act_cheat": "deceive",
    "act_hack": "break into",
    "act_watch": "watch",
    "act_shame": "shame or threaten",
    "act_manipulate": "manipulate",
    "act_sexual": "act sexually on",
    "act_discriminate": "discriminate against",
    "act_hide": "hide",
    "act_make": "make",
    "act_get": "get",
    "act_sell": "sell",
    "person_close": "a person they know",
    "person_any": "a person",
    "person_public": "a public figure",
    "person_police": "an officer",
    "person_child": "a child",
    "person_weak": "a vulnerable person",
    "group": "a group of people",
    "place_public": "a public place",
    "infrastructure": "infrastructure",
    "account": "an account",
    "money": "money",
    "private_data": "private data",
    "device": "a device",
    "animal": "an animal",
    "weapon_mass": "an explosive or agent",
    "weapon_hand": "a weapon",
    "poison": "poison",
    "drug_hard": "a drug",
    "malware": "malware",
    "fraud_thing": "a fraud",
    "falsehood": "a falsehood",
    "hate_word": "contempt",
    "sex_word": "sexual content",
    "selfharm_word": "self-harm",
    "election_word": "an election",
    "crime_word": "a crime",
    "software": "software",
    "figure": "a figure of speech",
    "food": "food",
    "pest": "a pest",
    "game_target": "a figure in a game",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One reading. Empty strings where nothing was found; ``defeaters`` name what takes a suspicion back."""

    stance: Stance
    act: str
    target: str
    means: str
    frame: str
    defeaters: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The reading in words, such as "asks how to make an explosive or agent"."""
        parts: list[str] = [self.stance]
        if self.act:
            parts.append(("to " if self.stance == "asks how" else "about: ") + _WORDS[self.act])
        parts += [_WORDS[name] for name in (self.target, self.means) if name]
        if self.frame:
            parts.append(f"in {self.frame}")
        if self.defeaters:
            parts.append(f"(excused by: {', '.join(self.defeaters)})")
        return " ".join(parts)


def _first(found: Sequence[tuple[str, ...]], names: Sequence[str], start: int = 0) -> tuple[str, int]:
    for at in range(start, len(found)):
        for name in found[at]:
            if name in names:
                return name, at
    return "", -1


@lru_cache(maxsize=8)
def frame_of(text: str) -> Frame:
    """Read a text as one frame; of a long one, its first 60 words."""
    tokens = tokens_of(text)[:60]
    found = [classes_of(token) for token in tokens]
    words = set(tokens)
    act, at = _first(found, _ACTS)
    target, _ = _first(found, (*_PEOPLE, *_THINGS, *_HOMONYMS), at + 1) if act else ("", -1)
    means, _ = _first(found, _MEANS)
    frame = next((said for name, said in _FRAMES.items() if any(name in each for each in found)), "")
    head = tokens[0] if tokens else ""
    stance: Stance = "says"
    if not _HELP.isdisjoint(words):
        stance = "wants to prevent or get help"
    elif not _ASKING.isdisjoint(words):
        stance = "asks how"
    elif head in _WRITING:
        stance = "asks to write"
    elif head in _ABOUT:
        stance = "asks about"
    people = any(name in each for each in found for name in _PEOPLE)
    defeaters: list[str] = []
    if act in _HOSTILE and target in _HOMONYMS and not means and not people:
        defeaters.append("homonym")
    if stance == "wants to prevent or get help":
        defeaters.append("prevention")
    if frame and stance in ("asks about", "asks to write"):
        defeaters.append(frame)
    return Frame(stance, act, target, means, frame, tuple(defeaters))
