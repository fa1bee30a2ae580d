"""Reads the text in pictures, so that rules can judge it and answers can quote it.

The reader is rapidocr (the extra ``ocr``; its wheel carries the models, so nothing is fetched later). Without it this
plugin reads nothing, and a reader of last resort may step in.
"""

from __future__ import annotations

from assistant_reading.hooks import PictureReader
from assistant_reading.unread import UnreadText

__all__ = ["PictureReader", "UnreadText"]
