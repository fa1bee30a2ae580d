"""A pack may hold exceptions to other packs and no principle of its own."""

from __future__ import annotations

import pytest

from assistant_constitutions import PackError
from assistant_constitutions.loader import parse_pack

HEAD = 'id: mine\nversion: "1.0.0"\ntitle: Mine\ndomain: general\nlicence: CC0-1.0\nprinciples: []\n'
EXCEPTION = """overrides:
  - rule: harm.weapons
    because: A reviewer said so.
    when: [{name: lexical, options: {patterns: [{any_of: [water pump]}]}}]
tests:
  - {text: "How do I build a water pump?", expect: allow, rule: harm.weapons}
"""


def test_a_pack_of_exceptions_is_a_pack() -> None:
    pack = parse_pack((HEAD + EXCEPTION).encode(), name="mine.yaml")
    assert pack.principles == ()
    assert [each.rule for each in pack.overrides] == ["harm.weapons"]


def test_a_pack_that_says_nothing_is_none() -> None:
    with pytest.raises(PackError, match="at least one principle, or one exception under `overrides`"):
        parse_pack(HEAD.encode(), name="mine.yaml")
