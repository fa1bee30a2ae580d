"""Numbers that belong to somebody: found by form, proved by check digits."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Finding, Message, Subject, Turn
from assistant_safety import PersonalDataEvaluator
from assistant_safety.personal_data import brand_of, passes_luhn, passes_mod_97

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
    began = time.process_time()
    look(text)
    assert time.process_time() - began < 8  # under a second where this was written; a quadratic walk takes minutes


ALL = ["card_number", "iban", "email", "phone", "national_id", "ip_address"]


@pytest.mark.parametrize(
    ("kind", "piece"),
    [
        ("email", "anna.lopez+news@mail.example-shop.co.uk"),
        ("email", "J_Smith99@gmail.com"),
        ("email", "o'neil@posteo.de".removeprefix("o'")),
        ("phone", "+49 30 1234567"),
        ("phone", "+1 (415) 555-2671"),
        ("phone", "0044 20 7946 0958"),
        ("phone", "+33 6 12 34 56 78"),
        ("phone", "+551199876-5432"),
        ("national_id", "12345678Z"),
        ("national_id", "X1234567L"),
        ("national_id", "RSSMRA85T10A562S"),
        ("national_id", "2 55 08 14 168 025 38"),
        ("national_id", "529.982.247-25"),
        ("national_id", "536-90-4399"),
        ("ip_address", "81.2.69.142"),
        ("ip_address", "2a00:1450:4001:81b::200e"),
        ("card_number", "2223 0031 2200 3222"),
        ("card_number", "6011 1111 1111 1117"),
        ("card_number", "3530 1113 3330 0000"),
    ],
)
def test_every_kind_is_found_at_its_place(kind: str, piece: str) -> None:
    assert marked(f"Write it down: {piece}, thank you.", kinds=[kind]) == [piece]


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("my phone is 030 1234567", "030 1234567"),
        ("call me at 415-555-2671 tonight", "415-555-2671"),
        ("Tel. 0171/2345678", "0171/2345678"),
        ("his SSN is 536 90 4399", "536 90 4399"),
        ("my BSN: 111222333", "111222333"),
        ("PESEL 44051401359", "44051401359"),
        ("NHS 943 476 5919", "943 476 5919"),
        ("Steuer-ID 86 095 742 719", "86 095 742 719"),
    ],
)
def test_bare_numbers_count_where_the_text_says_what_they_are(text: str, piece: str) -> None:
    assert marked(text, kinds=["phone", "national_id"]) == [piece]
    assert look(f"The order has {piece} pieces", kinds=["phone", "national_id"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "My order number is 1234567890123 and my customer number 88-1234-77.",
        "Version 10.0.19045.3693, build 22621, firmware 1.2.3.4.",
        "It was 2026-07-28 at 14:30:05, or 28/07/2026.",
        "ISBN 978-3-16-148410-0 and ISBN-10 3-16-148410-X",
        "Tracking 1Z999AA10123456784 and invoice 2026-000123",
        "The server is at 192.168.0.1, 127.0.0.1, 10.0.0.7 or 203.0.113.9.",
        "Write to info@example.com or user@test.",
        "The price is 1 299 000, in 1999 it was 450 000.",
        "Coordinates 48.858370, 2.294481; 12 34 56",
        "pi is 3.14159265358979 and e 2.718281828459",
        "@anna said hi; a@b is no address; foo@bar..com neither",
        "She scored 123-45-6789 points? No: 666-12-1234 and 000-12-3456.",
        "The DNI 12345678A has the wrong letter.",
        "Room 555-0123 in the film",
        "std::vector<int>::iterator and 12:30:45 and fe80::1",
        "The product codes are 20261121 a and 11112222-b.",
        "4000 8000 12000 16000 20000",
    ],
)
def test_numbers_that_belong_to_nobody(text: str) -> None:
    assert marked(text, kinds=ALL) == []


def test_brands() -> None:
    assert brand_of("4111111111111111") == "Visa"
    assert brand_of("5500000000000004") == "Mastercard"
    assert brand_of("378282246310005") == "American Express"
    assert brand_of("9999999999999995") == ""


def test_without_kinds_only_numbers_that_prove_themselves_are_meant() -> None:
    assert look("write to anna.lopez@posteo.de or +49 30 1234567") is None


@given(st.text(max_size=200))
def test_any_text_ends_in_places_inside_it(text: str) -> None:
    finding = look(text, kinds=ALL)
    for span in finding.spans if finding else ():
        assert 0 <= span.start < span.end <= len(text)
