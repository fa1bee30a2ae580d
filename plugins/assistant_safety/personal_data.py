"""The evaluator ``personal_data``: numbers that belong to somebody, found by form and proved by their check digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, get_args

from assistant.evaluators import Cost, Finding, Subject
from assistant.verdicts import Span
from assistant_safety.folding import fold

Kind = Literal["card_number", "iban"]

_DIGITS = re.compile(r"(?<![0-9a-z])[0-9]+(?:[ \-][0-9]+)*(?![0-9a-z])")
_IBAN_START = re.compile(r"(?<![0-9a-z])[a-z]{2}[0-9]{2}")
# Characters of an IBAN by country, from the registry of ISO 13616.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "no",
        16: "be",
        18: "dk fi fo gl nl sd",
        19: "mk si",
        20: "at ba ee kz lt lu xk",
        21: "ch cr hr li lv",
        22: "bg bh de gb ge ie me rs va",
        23: "ae gi il iq om tl",
        24: "ad cz es md pk ro sa se sk tn vg",
        25: "ly pt st",
        26: "is tr",
        27: "bi dj fr gr it mc mr sm",
        28: "al az by cy do gt hu lb ni pl sv",
        29: "br eg ps qa ua",
        30: "jo kw mu",
        31: "mt sc",
        32: "lc",
        33: "ru",
    }.items()
    for country in countries.split()
}


def passes_luhn(digits: str) -> bool:
    """Whether the last digit fits the others by the Luhn rule (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def passes_mod_97(iban: str) -> bool:
    """Whether an IBAN, written without spaces in lower case, leaves the rest 1 (ISO 13616)."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _is_card(digits: str) -> bool:
    # One repeated digit passes Luhn for 0 and is nobody's card.
    return digits[0] in "23456" and len(set(digits)) > 1 and passes_luhn(digits)


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for run in _DIGITS.finditer(text):
        groups = [(run.start() + group.start(), group.group()) for group in re.finditer("[0-9]+", run.group())]
        taken_to = -1
        for first, (start, group) in enumerate(groups):
            if start < taken_to or len(group) < 4:
                continue
            digits = ""
            for begin, more in groups[first : first + 5]:
                digits += more
                if len(digits) > 19 or len(more) < 3:
                    break
                if len(digits) >= 13 and _is_card(digits):
                    taken_to = begin + len(more)
                    yield start, taken_to
                    break


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(match.group()[:2])
        if length is None:
            continue
        # One space after every fourth character is the printed form; be generous about where.
        places: list[int] = []
        for place in range(match.start(), min(match.start() + 2 * length, len(text))):
            if text[place].isascii() and text[place].isalnum():
                places.append(place)
            elif text[place] not in " -":
                break
            if len(places) == length:
                break
        end = places[-1] + 1
        whole = len(places) == length and not text[end : end + 1].isalnum()
        if whole and passes_mod_97("".join(text[place] for place in places)):
            yield match.start(), end


_FINDERS: dict[Kind, Callable[[str], Iterator[tuple[int, int]]]] = {"card_number": _cards, "iban": _ibans}


class PersonalDataEvaluator:
    """Finds card numbers (Luhn) and IBANs (mod 97). Option ``kinds``: a list of kinds, all where it is left out."""

    name = "personal_data"
    cost: Cost = "light"

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule.

        Raises:
            ValueError: an unknown option, or an unknown kind.
        """
        for option in options:
            if option != "kinds":
                raise ValueError(f"option {option!r}: expected only 'kinds'")
        kinds = options.get("kinds", [])
        known = get_args(Kind)
        if not isinstance(kinds, list | tuple) or any(kind not in known for kind in kinds):
            raise ValueError(f"option 'kinds': expected a list out of {', '.join(known)}; came {kinds!r}")

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Look for numbers; a number whose check digits are wrong is no finding."""
        folded = fold(subject.text)
        wanted: tuple[Kind, ...] = tuple(options.get("kinds") or _FINDERS)
        spans: list[Span] = []
        found: list[str] = []
        for kind in wanted:
            for place in _FINDERS[kind](folded.text):
                start, end = folded.span(*place)
                spans.append(Span(part=subject.part, start=start, end=end))
                found.append(kind)
        if not spans:
            return None
        spans.sort(key=lambda span: span.start)
        counts = ", ".join(f"{found.count(kind)} x {kind}" for kind in dict.fromkeys(found))
        return Finding(score=1.0, spans=tuple(spans), detail=counts)
