"""Numbers that belong to somebody: found by form, proved by check digits."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Finding, Message, Subject, Turn
from assistant_safety import PersonalDataEvaluator
from assistant_safety.personal_data import passes_luhn, passes_mod_97

EVALUATOR = PersonalDataEvaluator()


def look(text: str, **options: Any) -> Finding | None:
    return EVALUATOR.evaluate(Subject(Turn(question=Message(text=text)), "question", text), options)


def marked(text: str, **options: Any) -> list[str]:
    finding = look(text, **options)
    return [text[span.start : span.end] for span in finding.spans] if finding else []


@pytest.mark.parametrize(
    "number",
    ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111", "5500 0000 0000 0004", "3782 822463 10005"],
)
def test_cards_are_found_with_their_exact_place(number: str) -> None:
    text = f"Here: {number}, thanks. In 2026 1 of 2."
    assert marked(text) == [number]


@pytest.mark.parametrize(
    "iban",
    ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "no93 8601 1117 947"],
)
def test_ibans_are_found_with_their_exact_place(iban: str) -> None:
    assert marked(f"Pay to {iban} please") == [iban]


def test_two_kinds_at_once_and_one_alone() -> None:
    text = "4111 1111 1111 1111 and NO93 8601 1117 947"
    assert marked(text) == ["4111 1111 1111 1111", "NO93 8601 1117 947"]
    assert marked(text, kinds=["iban"]) == ["NO93 8601 1117 947"]
    finding = look(text)
    assert finding is not None
    assert finding.detail == "1 x card_number, 1 x iban"


def test_dressed_digits_and_invisible_characters() -> None:
    assert marked("x ４１１１ １１１１ １１１１ １１１１ y") == ["４１１１ １１１１ １１１１ １１１１"]
    assert marked("4111\u200b1111\u200b11111111") == ["4111\u200b1111\u200b11111111"]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "DE89 3704 0044 0532 0130 01",
        "ZZ89 3704 0044 0532 0130 00",
        "call 0171 2345678",
        "12 34 56 78 90 12 34 56",
        "version 1.2.3 of 2026-07-28",
        "",
    ],
)
def test_what_does_not_add_up_is_no_finding(text: str) -> None:
    assert look(text) is None


@given(st.text(st.sampled_from("23456789"), min_size=14, max_size=15))
def test_luhn_sees_every_single_wrong_digit(body: str) -> None:
    check = next(str(digit) for digit in range(10) if passes_luhn(body + str(digit)))
    for wrong in set("0123456789") - {check}:
        assert not passes_luhn(body + wrong)


@given(st.integers(0, 10**18 - 1))
def test_mod_97_sees_every_wrong_check_number(account: int) -> None:
    body = f"{account:018}"
    check = 98 - int(body + "131400") % 97
    assert passes_mod_97(f"de{check:02}{body}")
    assert not passes_mod_97(f"de{(check + 1) % 100:02}{body}")


def test_options_are_checked() -> None:
    EVALUATOR.check_options({})
    EVALUATOR.check_options({"kinds": ["iban"]})
    with pytest.raises(ValueError, match="expected only 'kinds'"):
        EVALUATOR.check_options({"kind": ["iban"]})
    with pytest.raises(ValueError, match="came \\['passport'\\]"):
        EVALUATOR.check_options({"kinds": ["passport"]})


@pytest.mark.parametrize("text", ["4111 " * 200_000, "4" * 1_000_000, "de89" * 250_000, "de89 " * 200_000])
def test_a_megabyte_takes_no_more_than_linear_time(text: str) -> None:
    began = time.perf_counter()
    look(text)
    assert time.perf_counter() - began < 8  # under a second where this was written; a quadratic walk takes minutes
