"""National identity numbers that prove themselves: each form with its own check digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NationalId:
    """A number at characters ``start`` to ``end`` (exclusive) of a folded text, and what it is."""

    what: str
    start: int
    end: int


def _weighted(digits: str, weights: str | tuple[int, ...]) -> int:
    return sum(int(digit) * int(weight) for digit, weight in zip(digits, weights, strict=False))


def _german_tax_id(digits: str) -> bool:
    """ISO 7064, MOD 11,10; of the first ten digits one stands two or three times, and the first is not 0."""
    counts = [digits[:10].count(each) for each in set(digits[:10])]
    if digits[0] == "0" or sorted(counts)[-1] not in (2, 3) or sum(count > 1 for count in counts) != 1:
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[10])


def _french_nir(number: str) -> bool:
    """The number without its key, Corsica's letters as 19 and 18, leaves 97 minus the key (INSEE)."""
    body = number[:13].replace("2a", "19").replace("2b", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(number[13:])


def _spanish_dni(number: str) -> bool:
    """The letter is the rest of the number by 23; the first letter of a NIE counts as 0, 1 or 2."""
    body = number[:-1]
    if body[0] in "xyz":
        body = str("xyz".index(body[0])) + body[1:]
    return "trwagmyfpdxbnjzsqvhlcke"[int(body) % 23] == number[-1]


_ODD = dict(zip("0123456789abcdefghijklmnopqrstuvwxyz", (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22,
    25, 24, 23,
), strict=True))  # fmt: skip


def _italian_code(code: str) -> bool:
    """Codice fiscale: tables for odd and even places, sum by 26 (D.M. 23/12/1976)."""
    even = sum(int(each) if each.isdigit() else ord(each) - 97 for each in code[1:15:2])
    return chr(97 + (even + sum(_ODD[each] for each in code[0:15:2])) % 26) == code[15]


def _dutch_bsn(digits: str) -> bool:
    return _weighted(digits[:8], "98765432") % 11 == int(digits[8]) and digits[:2] != "00"


def _polish_pesel(digits: str) -> bool:
    month = int(digits[2:4]) % 20
    good_date = 1 <= month <= 12 and 1 <= int(digits[4:6]) <= 31
    return good_date and (10 - _weighted(digits[:10], "1379137913") % 10) % 10 == int(digits[10])


def _brazilian_cpf(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    for length in (9, 10):
        rest = _weighted(digits[:length], tuple(range(length + 1, 1, -1))) * 10 % 11 % 10
        if rest != int(digits[length]):
            return False
    return True


def _nhs_number(digits: str) -> bool:
    rest = 11 - _weighted(digits[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest == 11 else rest) == int(digits[9])


def _us_ssn(digits: str) -> bool:
    """No check digit: the areas 000, 666 and 900 up, the group 00 and the serial 0000 are never given out (SSA)."""
    published = digits in ("078051120", "219099999", "123456789")
    return (
        digits[:3] not in ("000", "666")
        and digits[0] != "9"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
        and not published
    )


_Check = Callable[[str], bool]
# (what, form, context that must stand within 40 characters before it or "", check). Forms of bare digits alone are as
# likely an order number as a person: they count only where the text says what they are.
_FORMS: tuple[tuple[str, str, str, _Check], ...] = (
    ("Spanish DNI or NIE", r"(?:[xyz]-?[0-9]{7}|[0-9]{8})-?[a-z]", "", _spanish_dni),
    ("Italian codice fiscale", r"[a-z]{6}[0-9]{2}[abcdehlmprst][0-9]{2}[a-z][0-9]{3}[a-z]", "", _italian_code),
    (
        "French social security number",
        r"[12] ?[0-9]{2} ?[01][0-9] ?[0-9][0-9ab] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        "",
        _french_nir,
    ),
    ("Brazilian CPF", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", "", _brazilian_cpf),
    ("US social security number", r"[0-9]{3}-[0-9]{2}-[0-9]{4}", "", _us_ssn),
    ("US social security number", r"[0-9]{9}|[0-9]{3} [0-9]{2} [0-9]{4}", r"\bssn\b|social security", _us_ssn),
    ("German tax number", r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", r"steuer|tax|\bidnr|\btin\b", _german_tax_id),
    ("Dutch BSN", r"[0-9]{9}", r"\bbsn\b|burgerservice", _dutch_bsn),
    ("Polish PESEL", r"[0-9]{11}", r"pesel", _polish_pesel),
    ("NHS number", r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}", r"\bnhs\b", _nhs_number),
)
_ALONE = [
    (
        what,
        re.compile(rf"(?<![0-9a-z.\-])(?:{form})(?![0-9a-z]|[.\-][0-9])"),
        re.compile(context) if context else None,
        check,
    )
    for what, form, context, check in _FORMS
]
_BEFORE = 40


def national_ids(text: str) -> Iterator[NationalId]:
    """Every identity number of a folded text whose check digits are right."""
    taken: set[int] = set()
    for what, form, context, check in _ALONE:
        if context is not None and not context.search(text):
            continue
        for match in form.finditer(text):
            bare = re.sub(r"[ .\-]", "", match.group())
            told = context is None or context.search(text, max(0, match.start() - _BEFORE), match.start())
            if told and match.start() not in taken and check(bare):
                taken.add(match.start())
                yield NationalId(what, *match.span())
