"""The evaluator ``personal_data``: what belongs to somebody, found by form and proved by its check digits."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, get_args

from assistant.evaluators import Cost, Finding, Subject
from assistant.verdicts import Span
from assistant_safety.folding import fold
from assistant_safety.national_ids import national_ids

Kind = Literal["card_number", "iban", "email", "phone", "national_id", "ip_address"]

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
# Brands by their first digits and lengths, from the issuers' public ranges (ISO/IEC 7812-1 leaves them to the brands).
_BRANDS = (
    ("Visa", re.compile(r"4(?:\d{12}|\d{15}|\d{18})")),
    ("Mastercard", re.compile(r"(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}")),
    ("American Express", re.compile(r"3[47]\d{13}")),
    ("Diners Club", re.compile(r"3(?:0[0-5]|[689]\d)\d{11}(?:\d{2})?")),
    ("Discover", re.compile(r"6(?:011|5\d\d|4[4-9]\d)\d{12}(?:\d{3})?")),
    ("JCB", re.compile(r"35(?:2[89]|[3-8]\d)\d{12}(?:\d{3})?")),
    ("UnionPay", re.compile(r"62\d{14,17}")),
    ("Maestro", re.compile(r"(?:50|5[6-9]|6[037])\d{11,17}")),
)
_ANY_BRAND = re.compile("|".join(form.pattern for _, form in _BRANDS))
_EMAIL = re.compile(
    r"(?<![a-z0-9._%+\-@])[a-z0-9](?:[a-z0-9._%+\-]{0,62}[a-z0-9_%+\-])?@"
    r"(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}(?![a-z0-9\-@]|\.[a-z0-9])"
)
# Addresses that belong to nobody: RFC 2606 and what manuals write.
_NOBODY = re.compile(r"@(?:[a-z0-9\-]+\.)*(?:example(?:\.(?:com|org|net))?|invalid|localhost|test)$")
# E.164: "+", a country, seven to fifteen digits together; or a national number that somebody calls a phone number.
_INTERNATIONAL = re.compile(r"(?<![0-9a-z+])(?:\+|00)[1-9][0-9]{0,2}(?:[ .\-/]?\(?[0-9]{1,5}\)?){2,7}(?![0-9a-z])")
_NATIONAL = re.compile(r"(?<![0-9a-z+.\-/])\(?0?[1-9][0-9]{1,4}\)?(?:[ .\-/][0-9]{2,8}){1,4}(?![0-9a-z.\-/]?[0-9a-z])")
_NORTH_AMERICAN = re.compile(
    r"(?<![0-9a-z+.\-/])(?:1[ .\-])?\(?[2-9][0-9]{2}\)?[ .\-][2-9][0-9]{2}[ .\-][0-9]{4}(?![0-9a-z])"
)
_CALLED = re.compile(r"\b(?:phone|telephone|tel|mobile|cell|handy|call|fax|whatsapp|ring|telefon)\b")
_CALLED_BEFORE = 40
_IPV4 = re.compile(r"(?<![0-9a-z.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9a-z]|\.[0-9])")
_IPV6 = re.compile(r"(?<![0-9a-z:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![0-9a-z:])")
_VERSION_BEFORE = re.compile(r"(?:\bv|version|release|build|firmware|section|chapter|driver|=)\s{0,2}$")


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


def brand_of(digits: str) -> str:
    """The brand of a card number by its first digits and its length, or "" where it fits none."""
    return next((brand for brand, form in _BRANDS if form.fullmatch(digits)), "")


def _is_card(digits: str) -> bool:
    # One repeated digit passes Luhn for 0 and is nobody's card.
    return len(set(digits)) > 1 and _ANY_BRAND.fullmatch(digits) is not None and passes_luhn(digits)


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


def _emails(text: str) -> Iterator[tuple[int, int]]:
    if "@" not in text:
        return
    for match in _EMAIL.finditer(text):
        if ".." not in match.group() and not _NOBODY.search(match.group()):
            yield match.span()


def _phones(text: str) -> Iterator[tuple[int, int]]:
    taken_to = -1
    for form, least in ((_INTERNATIONAL, 8), (_NORTH_AMERICAN, 10), (_NATIONAL, 7)):
        for match in form.finditer(text):
            digits = sum(map(str.isdigit, match.group()))
            said = form is _INTERNATIONAL or _CALLED.search(text, max(0, match.start() - _CALLED_BEFORE), match.start())
            fictitious = "555-01" in match.group() or "555 01" in match.group()
            if least <= digits <= 15 and said and not fictitious and match.start() >= taken_to:
                taken_to = match.end()
                yield match.span()


def _ip_addresses(text: str) -> Iterator[tuple[int, int]]:
    for form in (_IPV4, _IPV6):
        for match in form.finditer(text):
            try:
                address = ipaddress.ip_address(match.group())
            except ValueError:
                continue
            # Private, loopback and documentation addresses are nobody's; "1.2.3.4" after "version" is none at all.
            if address.is_global and not _VERSION_BEFORE.search(text, max(0, match.start() - 12), match.start()):
                yield match.span()


_FINDERS: dict[Kind, Callable[[str], Iterator[tuple[int, int]]]] = {
    "card_number": _cards,
    "iban": _ibans,
    "email": _emails,
    "phone": _phones,
    "national_id": lambda text: ((found.start, found.end) for found in national_ids(text)),
    "ip_address": _ip_addresses,
}
_BY_DEFAULT: tuple[Kind, ...] = ("card_number", "iban")


class PersonalDataEvaluator:
    """Finds card numbers (brand and Luhn), IBANs (mod 97), e-mail addresses, phone numbers, national identity numbers
    (where they have check digits) and public IP addresses.

    Option ``kinds``: a list of kinds; where it is left out, ``card_number`` and ``iban``.
    """

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
        """Look for personal data; a number whose check digits are wrong is no finding."""
        folded = fold(subject.text)
        wanted: tuple[Kind, ...] = tuple(options.get("kinds") or _BY_DEFAULT)
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
