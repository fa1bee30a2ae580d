"""rapidocr behind two questions: where is writing, and what does one line say. Loaded at the first picture."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_SETTINGS = {
    # One thread: a spinning pool beside a busy neighbour is slower, and the page has to stay alive.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    # The size is chosen by the caller; the library must not scale by itself.
    "Global.max_side_len": 100_000,
    "Global.min_side_len": 1,
    "Global.log_level": "critical",
    "Det.limit_type": "max",
    "Det.limit_side_len": 100_000,
}


def installed() -> bool:
    """Whether rapidocr and its engine are there."""
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


class Ocr:
    """The reader. One call at a time; others wait."""

    def __init__(self) -> None:
        self._engine: Any = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The reader with its version."""
        return f"rapidocr {importlib.metadata.version('rapidocr')}"

    def find(self, image: Image) -> list[NDArray[np.float64]]:
        """Where something is written.

        Args:
            image: in RGB.

        Returns:
            Four corners for each line, in pixels, axes [corner, xy]; from the upper left one on, clockwise.
        """
        import numpy as np

        with self._lock:
            found = self._ready()(_blue_first(image), use_det=True, use_cls=False, use_rec=False)
        boxes = getattr(found, "boxes", None)
        return [] if boxes is None else [np.asarray(box, dtype=np.float64) for box in boxes]

    def read(self, line: Image) -> tuple[str, float]:
        """What one line says, and how sure the reader is of it, in [0, 1]; "" where it can make nothing of it.

        Args:
            line: the line alone, upright, in RGB.
        """
        with self._lock:
            found = self._ready()(_blue_first(line), use_det=False, use_cls=False, use_rec=True)
        texts: Sequence[str] = getattr(found, "txts", None) or ("",)
        scores: Sequence[float] = getattr(found, "scores", None) or (0.0,)
        return texts[0].strip(), min(1.0, max(0.0, float(scores[0])))

    def is_upside_down(self, line: Image) -> bool:
        """Whether a line stands on its head.

        Args:
            line: the line alone, lying flat, in RGB.
        """
        with self._lock:
            found = self._ready()(_blue_first(line), use_det=False, use_cls=True, use_rec=False)
        labels: Sequence[tuple[str, float]] = getattr(found, "cls_res", None) or (("0", 0.0),)
        return labels[0][0] == "180" and labels[0][1] > 0.9

    def _ready(self) -> Any:
        if self._engine is None:
            self._engine = importlib.import_module("rapidocr").RapidOCR(params=dict(_SETTINGS))
        return self._engine


def _blue_first(image: Image) -> NDArray[np.uint8]:
    import numpy as np

    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
