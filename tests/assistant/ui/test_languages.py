"""The languages of the page: how one is chosen, what is said in it, and what the lint finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.ui.languages import (
    LANGUAGES,
    Translations,
    catalogue,
    chosen_language,
    current,
    day,
    direction,
    in_language,
    lint,
    megabytes,
    number,
    percent,
    speaking,
    told,
    tr,
    trn,
)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR, ar;q=0.5, de;q=0.4", "ar"),
        ("en;q=0.3, de;q=0.7", "de"),
        ("de;q=0, en", "en"),
        ("fr", "en"),
        ("*;q=nonsense, ;;;", "en"),
    ],
)
def test_the_browser_says_which_language(accepted: str, language: str) -> None:
    assert chosen_language({}, accepted) == language


def test_a_choice_counts_more_than_the_browser() -> None:
    assert chosen_language({"glassbox_language": "ar"}, "de") == "ar"
    assert chosen_language({"glassbox_language": "klingon"}, "de") == "de"


def test_a_generator_speaks_its_language_and_nobody_else_does() -> None:
    def words() -> Iterator[str]:
        yield tr("Ask")
        yield tr("Stop")

    german, arabic = in_language("de", words()), in_language("ar", words())
    assert [next(german), next(arabic), next(german), next(arabic)] == ["Fragen", "اسأل", "Anhalten", "إيقاف"]
    assert current() == "en"
    assert tr("Ask") == "Ask"


def test_what_no_catalogue_has_stays_english() -> None:
    with speaking("de"):
        assert tr("A sentence that nobody translated: {name}.", name="x") == "A sentence that nobody translated: x."
        assert told("A sentence that nobody translated.") == "A sentence that nobody translated."
    with speaking("klingon"):
        assert current() == "en"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "بلا جولات"), (1, "جولة واحدة"), (2, "جولتان"), (7, "7 جولات"), (11, "11 جولة"), (100, "100 جولة")],
)
def test_arabic_has_six_forms_of_a_number(count: int, words: str) -> None:
    with speaking("ar"):
        assert trn("{count} turn", "{count} turns", count) == words


def test_numbers_and_dates() -> None:
    when = datetime(2026, 3, 5, 14, 7, tzinfo=UTC)
    assert [number(1234567), number(1234.5, 1), percent(0.9), day(when)] == [
        "1,234,567",
        "1,234.5",
        "90 %",
        "05 March 2026",
    ]
    assert megabytes(12_300_000) == "12 MB"
    with speaking("de"):
        assert [number(1234567), number(1234.5, 1), day(when)] == ["1.234.567", "1.234,5", "5. März 2026"]
        assert percent(0.9).replace("\xa0", " ") == "90 %"
    with speaking("ar"):
        assert "مارس" in day(when)


def test_ready_made_sentences_are_found_with_what_stands_in_them() -> None:
    with speaking("de"):
        assert told("cat.png is empty. Choose another file.") == "cat.png ist leer. Wählen Sie eine andere Datei."
        assert told("Stored. It can be taken back at any time.").startswith("Gespeichert. Die Bewertung")
        whole = told(
            "When it wrote “red”, the model looked most at the upper left of the picture: 51 % of its attention fell "
            "on 3 of 64 cells."
        )
        assert "dem Bild am meisten hierhin: oben links. 51 %" in whole
        assert told("Nobody knows this. Load the page again.") == "Nobody knows this. Laden Sie die Seite neu."


def test_a_plugin_brings_its_own_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "parking_lot" / "translations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "de.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Cars"\nmsgstr "Autos"\n', "utf-8"
    )
    (folder / "ar.po").write_text("this is no catalogue", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(catalogue, "PACKAGES", [*catalogue.PACKAGES])
    texts = Translations("parking_lot")
    with speaking("de"):
        assert texts.tr("Cars") == "Autos"
        assert texts.tr("Licence") == "Lizenz"  # the page's own
        assert texts.tr("Bicycles") == "Bicycles"
        assert tr("Cars") == "Cars"
    with speaking("ar"):
        assert texts.tr("Cars") == "Cars"


def test_directions() -> None:
    assert {name: direction(name) for name in LANGUAGES} == {"en": "ltr", "de": "ltr", "ar": "rtl"}


def test_nothing_is_missing_in_any_language() -> None:
    every = lint.packages()
    assert [line for each in every for line in (*lint.findings(each, every), *lint.bare(each.code))] == []


GOOD = {
    "Hello {name}": "Hallo {name}",
    "Bye": "Tschüss",
    "{0} is gone.": "{0} ist weg.",
}
CODE = """
tag("p", tr("Hello {name}", name=name))
tag("button", later("Bye"))
raise InputError(f"{what} is gone.")
"""


def package(folder: Path, code: str, texts: dict[str, str]) -> lint.Package:
    (folder / "page.py").write_text(code)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'
    body = "".join(f'\nmsgid "{key}"\nmsgstr "{text}"\n' for key, text in texts.items())
    for language in LANGUAGES:
        (folder / f"{language}.po").write_text(head + body, "utf-8")
    return lint.Package(folder, (folder,), (folder,))


@pytest.mark.parametrize(
    ("code", "texts", "found"),
    [
        (CODE, GOOD, ""),
        (CODE + 'tr("New")', GOOD, "“New” is missing"),
        (CODE + 'raise StoreError("It is full now.")', GOOD, "“It is full now.” is missing"),
        (CODE, GOOD | {"Old": "Alt"}, "nobody uses “Old”"),
        (CODE, GOOD | {"Bye": ""}, "“Bye” is not translated"),
        (CODE, GOOD | {"Hello {name}": "Hallo {who}"}, "the braces of “Hallo {who}”"),
        (CODE + 'tag("p", "Plain words")', GOOD, "“Plain words” is not translated: put it inside tr(...)"),
        (CODE + 'tag("img", alt="A cat")', GOOD, "“A cat” is not translated"),
        (CODE + 'said(f"{done} is done")', GOOD, "“{0} is done” is not translated"),
        (CODE + 'tag("code", "assistant doctor")', GOOD, ""),
    ],
)
def test_the_lint_finds_what_is_wrong(tmp_path: Path, code: str, texts: dict[str, str], found: str) -> None:
    broken = package(tmp_path, code, texts)
    lines = [*lint.findings(broken, [broken]), *lint.bare(broken.code)]
    assert (found in "\n".join(lines)) if found else lines == []
