"""Lays the pages of the documentation out in one folder, and builds the site from them: ``python docs/build_site.py``.

Needs the extra ``docs``. A broken link or anchor ends it with code 1. Nothing is fetched, now or by the finished site.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build" / "pages"
KINDS = (".md", ".png", ".css", ".js")

_LINK = re.compile(r"(?<!!)\[([^\]\[]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def sources() -> Iterator[tuple[Path, str]]:
    """Each file that belongs to the site, and where it stands there."""
    yield ROOT / "README.md", "index.md"
    yield ROOT / "CHANGELOG.md", "changelog.md"
    for folder, target in ((ROOT / "docs", ""), (ROOT / "models" / "cards", "cards/")):
        for path in sorted(each for kind in KINDS for each in folder.rglob(f"*{kind}")):
            yield path, target + path.relative_to(folder).as_posix().replace("README.md", "index.md")


def lay_out(pages: Path = PAGES) -> None:
    """Copy every page to where the site has it, with its links turned there."""
    shutil.rmtree(pages, ignore_errors=True)
    places = dict(sources())
    for source, place in places.items():
        target = pages / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            target.write_text(turned(source.read_text(encoding="utf-8"), source, places), encoding="utf-8")
        else:
            shutil.copyfile(source, target)


def turned(text: str, source: Path, places: dict[Path, str]) -> str:
    """A page with the links that it has on the site.

    What a page names that is in the repository and not on the site becomes plain text. A link to what is nowhere stays,
    so that the build reports it.
    """
    here = os.path.dirname(places[source]) or "."

    def link(found: re.Match[str]) -> str:
        words, address, anchor = found[1], found[2], found[3] or ""
        named = (source.parent / address).resolve()
        if named in places:
            return f"[{words}]({os.path.relpath(places[named], here)}{anchor})"
        return words if "://" not in address and named.exists() else found[0]

    def image(found: re.Match[str]) -> str:
        named = (source.parent / found[2]).resolve()
        return f"![{found[1]}]({os.path.relpath(places[named], here)})" if named in places else found[0]

    parts = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    for number in range(0, len(parts), 2):  # code stays as it is
        parts[number] = _IMAGE.sub(image, _LINK.sub(link, parts[number]))
    return "".join(parts)


def build(folder: Path) -> int:
    """Build the site of a folder that has mkdocs.yml and the pages; not 0 where a link or an anchor is broken."""
    program = Path(sys.executable).parent / "zensical"
    if not program.exists():
        print("The generator is missing. Type: pip install -e '.[docs]'", file=sys.stderr)
        return 2
    return subprocess.run([program, "build", "--strict", "--clean"], cwd=folder, check=False).returncode


def main() -> int:
    """Build the site into build/site."""
    lay_out()
    shutil.rmtree(ROOT / "build" / "site", ignore_errors=True)
    return build(ROOT)


if __name__ == "__main__":
    sys.exit(main())
