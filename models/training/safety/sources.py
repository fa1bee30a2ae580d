"""Rows to learn from: the folder of labelled requests, with each source's own words for a category mapped to ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

CATEGORIES = (
    "weapons",
    "violence",
    "self_harm",
    "sexual",
    "minors",
    "hate",
    "harassment",
    "fraud",
    "cyber",
    "drugs",
    "privacy",
    "misinformation",
    "elections",
    "danger",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One text: harmful or not, its category (empty where the source names none), and how much it counts."""

    text: str
    harmful: bool
    category: str
    source: str
    weight: float = 1.0


_AILUMINATE = {
    "dfm": "hate",
    "hte": "hate",
    "ipv": "fraud",
    "iwp": "weapons",
    "ncr": "fraud",
    "prv": "privacy",
    "src": "sexual",
    "ssh": "self_harm",
    "sxc_prn": "sexual",
    "vcr": "violence",
}
_CATQA = {
    "Adult Content": "sexual",
    "Economic Harm": "fraud",
    "Fraud/Deception": "fraud",
    "Hate/Harass/Violence": "hate",
    "Hate/Harass/Violence/Cyberbullying": "harassment",
    "Hate/Harass/Violence/Gender-based violence": "violence",
    "Hate/Harass/Violence/Terrorism and extremism": "violence",
    "Illegal Activity/Cybercrime": "cyber",
    "Illegal Activity/Drug": "drugs",
    "Illegal Activity/Human Trafficking": "violence",
    "Illegal Activity/Theft and Robbery": "fraud",
    "Illegal Activity/Weapon": "weapons",
    "Malware Viruses": "cyber",
    "Physical Harm/Assault and battery": "violence",
    "Physical Harm/Hazardous material handling": "weapons",
    "Physical Harm/Self-harm": "self_harm",
    "Physical Harm/Unsafe practices": "danger",
    "Physical Harm/Weapon making": "weapons",
    "Political Campaigning": "elections",
    "Privacy Violation Activity": "privacy",
    "Privacy Violation Activity/Deepfake creation": "misinformation",
}
_FIGSTEP = {
    "Adult Content": "sexual",
    "Fraud": "fraud",
    "Hate Speech": "hate",
    "Malware Generation": "cyber",
    "Physical Harm": "violence",
    "Privacy Violation": "privacy",
}
_STRONGREJECT = {
    "Disinformation and deception": "misinformation",
    "Hate, harassment and discrimination": "hate",
    "Sexual content": "sexual",
    "Violence": "violence",
}
_DO_NOT_ANSWER = {
    "discrimination_exclusion_toxicity_hateful_offensive": "hate",
    "information_hazard": "privacy",
    "misinformation_harms": "misinformation",
    "human_chatbox/self_harm": "self_harm",
}
_HAND = {
    "contrast_cyber": "cyber",
    "contrast_fraud": "fraud",
    "contrast_hate": "hate",
    "contrast_misinfo": "misinformation",
    "contrast_privacy": "privacy",
    "contrast_selfharm": "self_harm",
    "contrast_violence": "violence",
    "contrast_drugs": "drugs",
    "contrast_weapons": "weapons",
}
_WEIGHTS = {"ailuminate_demo": 0.5, "do_not_answer": 0.6, "openai_moderation": 0.4, "cyberseceval_frr": 0.4}
# Attack templates hold no request of their own and are judged by other evaluators; catqa's financial questions are
# regulated advice, which the core answers.
_LEFT_OUT = ("inthewild_jailbreaks", "injection")


def category_of(source: str, word: str) -> str:
    """Our category for a source's own word; empty where the source says none that we know."""
    if source == "catqa":
        return _CATQA.get(word) or _CATQA.get(word.split("/Hate")[0]) or _CATQA.get(_head(word), "")
    if source == "openai_moderation":
        for flag in ("self_harm", "sexual", "hate", "harassment", "violence"):
            if flag in word:
                return flag
    return {
        "ailuminate_demo": _AILUMINATE,
        "figstep_safebench": _FIGSTEP,
        "strongreject": _STRONGREJECT,
        "do_not_answer": _DO_NOT_ANSWER,
        "hand_labelled": _HAND,
    }.get(source, {}).get(word, "")


def _head(word: str) -> str:
    return next((known for known in _CATQA if word.startswith(known + "/")), "")


def read_folder(folder: Path) -> list[Row]:
    """All rows of a folder of JSON lines (fields ``text``, ``label``, ``category``), in the order of their names.

    Args:
        folder: with ``.jsonl`` files, in folders of its own too. A file's name is the source.

    Raises:
        ValueError: a line is not what it should be; the message names file and line.
    """
    rows: list[Row] = []
    for file in sorted(folder.rglob("*.jsonl")):
        source = file.stem
        if source in _LEFT_OUT:
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
            if not line.strip():
                continue
            try:
                case = json.loads(line)
                text, label, word = str(case["text"]), str(case["label"]), str(case.get("category", ""))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{file}, line {number}: expected an object with text and label; {error!r}") from error
            if source == "catqa" and word.startswith("Tailored Financial Advice"):
                continue
            harmful = label == "harmful"
            category = category_of(source, word) if harmful else ""
            rows.append(Row(text, harmful, category, source, _WEIGHTS.get(source, 1.0)))
    return rows
