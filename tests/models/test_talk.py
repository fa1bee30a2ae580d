"""Talk without a picture."""

import random

from training.talk import FORMS, REPLIES, ask_talk, held_out


def test_held_out_talk_is_never_trained_on() -> None:
    trained = {form.lower().rstrip("?!. ") for forms in FORMS.values() for form in forms}
    rng = random.Random(0)
    trained |= {ask_talk(rng).question.rstrip("?!. ") for _ in range(20_000)}
    asked = held_out()
    assert not {a.question.rstrip("?!. ") for a in asked} & trained
    assert {a.answer for a in asked} == set(REPLIES.values())
