"""How the page looks: theme, style sheet and script. Nothing of it is fetched from anywhere else."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

_STATIC = files("assistant.ui") / "static"


def style_sheet() -> Path:
    """The page's style sheet."""
    return Path(str(_STATIC / "style.css"))


def script() -> str:
    """The page's script; it runs once, when the page has been drawn."""
    return (_STATIC / "page.js").read_text(encoding="utf-8")


def theme() -> gr.themes.Base:
    """Gradio's plain theme in our colours, with the fonts of the visitor's own system."""
    import gradio as gr

    return gr.themes.Base(
        primary_hue="indigo",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
