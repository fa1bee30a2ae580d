"""The refusal of what is written in a picture shows where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.testing import picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_card_draws_a_box_around_the_line_on_the_picture(visit: Any, tmp_path: Path, width: int) -> None:
    note = tmp_path / "note.png"
    note.write_bytes(picture(size=(300, 200)))
    guest = visit(width=width)
    guest.ask("what do I do with this?", note)
    card = guest.page.locator("#transcript .refusal")
    assert "Marked in picture 1: “something forbidden”" in card.inner_text()
    shown, box = card.locator(".overlay img"), card.locator(".overlay rect")
    shown.evaluate("async image => { await image.decode(); }")
    outer, inner = shown.bounding_box(), box.bounding_box()
    assert outer["width"] > 100
    assert abs(inner["x"] - outer["x"] - 0.25 * outer["width"]) < 6
    assert abs(inner["y"] - outer["y"] - 0.5 * outer["height"]) < 6
    assert abs(inner["width"] - 0.5 * outer["width"]) < 10
    assert abs(inner["height"] - 0.2 * outer["height"]) < 10
    assert card.get_by_role("img", name="Marked in picture 1: “something forbidden”").count() == 1
    guest.reload()
    assert card.locator(".overlay rect").count() == 1
