"""How the page looks: theme, style sheet and script. Nothing of it is fetched from anywhere else."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradio.themes import Base

_STATIC = files("assistant.ui") / "static"


def head() -> str:
    """The page's style sheet, for its head. Gradio's own ``css`` would put a selector before every rule."""
    return f"<style>{(_STATIC / 'style.css').read_text(encoding='utf-8')}</style>"


def script() -> str:
    """The page's script; it runs once, when the page has been drawn."""
    return (_STATIC / "page.js").read_text(encoding="utf-8")


def theme() -> Base:
    """Gradio's plain theme in our colours, with the fonts of the visitor's own system."""
    from gradio.themes import Base

    base = Base(
        primary_hue="indigo",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    # Gradio's own choices have too little contrast for small text.
    return base.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_text_color="white",
    )
