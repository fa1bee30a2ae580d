import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant_vlm.errors import WeightsError
from assistant_vlm.tokenizer import CONTROL, Tokenizer, normalise_question

UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=UNICODE | st.text("\u2581 \n\tab<>", max_size=20))
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(
    "text", ["", " ", "  two  spaces ", "\u2581", "naïve 🎉 日本語", "\x00", "a\u2581b", "<answer>"]
)
def test_awkward_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=UNICODE | st.lists(st.sampled_from(CONTROL)).map(" ".join))
def test_control_tokens_cannot_be_typed(tokenizer: Tokenizer, text: str) -> None:
    assert all(token >= len(CONTROL) for token in tokenizer.encode(text))


def test_lone_surrogates_are_not_text(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a?b"


def test_broken_bytes_are_marked_and_never_raise(tokenizer: Tokenizer) -> None:
    party = tokenizer.encode("🎉")
    assert tokenizer.decode(party[:-1]).endswith("\ufffd")


def test_questions_are_read_in_lower_case_with_single_spaces() -> None:
    assert normalise_question("  What   IS\nthis? ") == "what is this?"


@pytest.mark.parametrize("data", [b"", b"nonsense", bytes(200)])
def test_bytes_that_are_no_tokenizer_are_named(data: bytes) -> None:
    with pytest.raises(WeightsError, match=r"tokenizer\.model"):
        Tokenizer(data)
