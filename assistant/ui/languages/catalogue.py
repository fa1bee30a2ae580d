"""Catalogues of texts: gettext's PO files, one for each language, in the folder ``translations`` of a package."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

from assistant.ui.languages.current import current

log = logging.getLogger("glassbox.languages")

OURS = "assistant.ui"
PACKAGES: list[str] = [OURS]
"""The packages that have texts of their own, ours first."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one package in one language, by the English text. ``plural`` says which form a count takes."""

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    plural: Callable[[int], int] = lambda count: int(count != 1)


class Translations:
    """The texts of one package.

    Args:
        package: its import name; ``translations/de.po`` and so on lie in it. A text that is missing there is looked for
            among the page's own, and else stays English.
    """

    def __init__(self, package: str) -> None:
        self._packages = (package,) if package == OURS else (package, OURS)
        if package not in PACKAGES:
            PACKAGES.append(package)

    def tr(self, message: str, **values: Any) -> str:
        """A text in the reader's language.

        Args:
            message: the English text; what changes stands in braces, as in ``"Rename {title}"``.
            values: what comes in the place of the braces. Without any, they stay as they are (see `markup.rich`).
        """
        found = message
        if current() != "en":
            for package in self._packages:
                forms = read(package, current()).texts.get(message)
                if forms:
                    found = forms[0]
                    break
        return found.format(**values) if values else found

    def trn(self, one: str, many: str, count: int, **values: Any) -> str:
        """A text about a number of things. ``{count}`` in it is the count."""
        from assistant.ui.languages.formats import number

        found = one if count == 1 else many
        if current() != "en":
            for package in self._packages:
                catalogue = read(package, current())
                forms = catalogue.texts.get(one)
                if forms:
                    found = forms[min(catalogue.plural(count), len(forms) - 1)]
                    break
        return found.format(count=number(count), **values)


@lru_cache(maxsize=64)
def read(package: str, language: str) -> Catalogue:
    """The catalogue of a package; an empty one where it brings none for the language, or where it cannot be read."""
    # These are loaded for whoever reads another language than English, and for nobody else.
    from gettext import c2py  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    from babel.messages.pofile import read_po

    file = files(package) / "translations" / f"{language}.po"
    try:
        with file.open("rb") as opened:
            catalogue = read_po(opened, locale=language, abort_invalid=True)
    except FileNotFoundError:
        return Catalogue()
    except Exception as error:  # a plugin's broken file must not take the page along
        log.error("%s cannot be read (%s); its texts stay English.", file, error)
        return Catalogue()
    texts: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        key = message.id if isinstance(message.id, str) else message.id[0]
        forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
        if key and all(forms) and not message.fuzzy:
            texts[key] = forms
    return Catalogue(texts, c2py(catalogue.plural_expr))
