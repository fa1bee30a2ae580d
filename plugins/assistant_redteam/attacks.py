"""Every mutator, in the order of the reports."""

from __future__ import annotations

from assistant_redteam.drawing import DRAWING
from assistant_redteam.encodings import ENCODINGS
from assistant_redteam.framing import FRAMES
from assistant_redteam.mutation import Mutator
from assistant_redteam.spelling import SPELLING
from assistant_redteam.translation import TRANSLATION
from assistant_redteam.wording import WORDING

MUTATORS: tuple[Mutator, ...] = (*WORDING, *SPELLING, *ENCODINGS, *FRAMES, *TRANSLATION, *DRAWING)
