"""The documentation as a site: every page is reached, every link leads to something on it, every picture is shown."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def _site() -> Any:
    spec = importlib.util.spec_from_file_location("build_site", ROOT / "docs" / "build_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site = _site()


def _pages(nav: list[Any]) -> list[str]:
    found: list[str] = []
    for each in nav:
        (below,) = each.values()
        found += [below] if isinstance(below, str) else _pages(below)
    return found


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    site.lay_out(tmp_path)
    return tmp_path


def test_every_page_stands_in_the_navigation_once(pages: Path) -> None:
    there = {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")}
    named = _pages(SITE["nav"])
    assert sorted(named) == sorted(there)
    assert {f"{path.relative_to(ROOT / 'docs').as_posix()}" for path in ROOT.glob("docs/**/*.md")} <= there


def test_every_link_and_picture_of_a_page_is_on_the_site(pages: Path) -> None:
    links = 0
    for page in pages.rglob("*.md"):
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        text = re.sub(r"`[^`]*`", "", text)
        for address in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text):
            if "://" not in address:
                links += 1
                assert (page.parent / address).is_file(), f"{page.relative_to(pages)}: {address}"
    assert links > 100


def test_links_are_turned_and_code_is_not() -> None:
    places = dict(site.sources())
    readme = ROOT / "README.md"
    text = (
        "[a](docs/api.md#mcp) [b](models/cards/open.md) [c](pyproject.toml) [d](docs/nowhere.md) [e](https://x.org/a)"
    )
    assert site.turned(text, readme, places) == (
        "[a](api.md#mcp) [b](cards/open.md) c [d](docs/nowhere.md) [e](https://x.org/a)"
    )
    code = "```sh\n[a](docs/api.md)\n```"
    assert site.turned(code, readme, places) == code
    card = ROOT / "docs" / "safety.md"
    assert site.turned("[a](../models/cards/safety.md)", card, places) == "[a](cards/safety.md)"
    decision = next((ROOT / "docs" / "decisions").glob("0013*"))
    assert site.turned("![a](../images/packs.png)", decision, places) == "![a](../images/packs.png)"


def test_the_gallery_shows_every_picture_that_is_taken() -> None:
    shown = re.findall(r"!\[[^\]]{10,}\]\(images/([^)]+)\)", (ROOT / "docs/gallery.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(path.name for path in (ROOT / "docs" / "images").glob("*.png"))


def test_nothing_is_fetched_when_the_site_is_read() -> None:
    assert SITE["theme"]["font"] is False
    assert "repo_url" not in SITE
    for name in (*SITE["extra_css"], *SITE["extra_javascript"]):  # ours, and they load nothing themselves
        assert not re.search(r"//[a-z]|import|fetch|url\(", (ROOT / "docs" / name).read_text(encoding="utf-8"))


@pytest.mark.skipif(not (Path(sys.executable).parent / "zensical").exists(), reason="the extra docs is not installed")
def test_it_builds_without_a_broken_link_and_fails_with_one(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "mkdocs.yml", tmp_path / "mkdocs.yml")
    pages = tmp_path / SITE["docs_dir"]
    site.lay_out(pages)
    assert site.build(tmp_path) == 0
    made = [path.read_text(encoding="utf-8") for path in (tmp_path / SITE["site_dir"]).rglob("*.html")]
    assert len(made) > len(_pages(SITE["nav"]))  # and the page for what is not there
    outside = re.compile(r"<(?:script|img|iframe)[^>]+src=\"?(?:https?:)?//|<link[^>]+(?:stylesheet|preconnect)[^>]+//")
    assert not [page for page in made if outside.search(page)]
    with (pages / "chat.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    assert site.build(tmp_path) != 0
