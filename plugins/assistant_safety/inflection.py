"""The simple inflections of an English word, made rather than guessed back."""

from __future__ import annotations

from functools import cache

_IRREGULAR = {
    "be": "am is are was were been being",
    "beat": "beaten",
    "bleed": "bled",
    "blow": "blew blown",
    "break": "broke broken",
    "bring": "brought",
    "build": "built",
    "buy": "bought",
    "child": "children",
    "choose": "chose chosen",
    "die": "dying",
    "do": "does did done",
    "draw": "drew drawn",
    "drive": "drove driven",
    "find": "found",
    "foot": "feet",
    "forge": "forgery forgeries",
    "get": "got gotten",
    "give": "gave given",
    "go": "goes went gone",
    "grow": "grew grown",
    "have": "has had having",
    "hide": "hid hidden",
    "keep": "kept",
    "knife": "knives",
    "know": "knew known",
    "leave": "left",
    "lie": "lying",
    "life": "lives",
    "make": "made",
    "man": "men",
    "person": "people persons",
    "read": "reading",
    "say": "said",
    "sell": "sold",
    "send": "sent",
    "set": "set",
    "shoot": "shot",
    "show": "shown",
    "sneak": "snuck",
    "spread": "spread",
    "steal": "stole stolen",
    "take": "took taken",
    "teach": "taught",
    "tell": "told",
    "think": "thought",
    "thief": "thieves",
    "wife": "wives",
    "woman": "women",
    "write": "wrote written",
}
_VOWELS = frozenset("aeiou")


@cache
def forms_of(word: str) -> frozenset[str]:
    """A word and its plural, past and -ing forms; some of them may be no English, which does no harm.

    Args:
        word: in lower case, folded.

    Returns:
        The forms, the word among them.
    """
    forms = {word, *_IRREGULAR.get(word, "").split()}
    if len(word) < 3 or not word.isalpha():
        return frozenset(forms)
    forms.add(word + "s")
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        forms.add(word + "es")
    if word.endswith("y") and word[-2] not in _VOWELS:
        forms.update({word[:-1] + "ies", word[:-1] + "ied", word + "ing"})
    elif word.endswith("e"):
        forms.update({word + "d", word + "ing" if word.endswith("ee") else word[:-1] + "ing"})
    else:
        forms.update({word + "ed", word + "ing"})
        doubles = word[-1] not in _VOWELS and word[-1] not in "wxyh" and word[-2] in _VOWELS
        if doubles and word[-3] not in _VOWELS:
            forms.update({word + word[-1] + "ed", word + word[-1] + "ing"})
    return frozenset(forms)
