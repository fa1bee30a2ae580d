"""What is known of a turn while it runs: times, verdicts, notes, drafts. At its end it becomes the trace."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter

from assistant.backends import AnswerEnd
from assistant.events import Segment
from assistant.judgement import Judgement, black_out
from assistant.messages import HookCall, ModelInfo, PackStamp, Trace, TurnSettings, VerdictRecord
from assistant.verdicts import Refusal


class Progress:
    """What is known of a turn while it runs; becomes its `Trace`."""

    def __init__(self, settings: TurnSettings, packs: Mapping[str, str]) -> None:
        self.settings = settings
        self.packs = dict(packs)
        self.stamps: tuple[PackStamp, ...] = ()
        self.hooks: list[HookCall] = []
        self.verdicts: list[VerdictRecord] = []
        self.notes: list[str] = []
        self.timings: dict[str, float] = {}
        self.draft_changes: list[tuple[str, str]] = []
        self.blacked_out: set[str] = set()
        self.model: ModelInfo | None = None
        self.end = AnswerEnd()
        self.refusal: Refusal | None = None
        self.first_text_ms: float | None = None
        self._begin = self._since = perf_counter()
        self._step = ""

    def step(self, name: str) -> None:
        """Close the running step's clock and start the next one's."""
        instant = perf_counter()
        if self._step:
            spent = (instant - self._since) * 1000
            self.timings[self._step] = round(self.timings.get(self._step, 0.0) + spent, 3)
        self._since, self._step = instant, name

    def segment(self, text: str) -> Segment:
        """A piece of the answer that leaves now."""
        if self.first_text_ms is None:
            self.first_text_ms = round((perf_counter() - self._begin) * 1000, 3)
        return Segment(text)

    def add(self, judgement: Judgement) -> None:
        """Note what the rules said, each thing once; the first refusal stays."""
        self.hooks += judgement.calls
        self.verdicts += [each for each in judgement.verdicts if each not in self.verdicts]
        self.notes += [note for note in judgement.notes if note not in self.notes]
        self.refusal = self.refusal or judgement.refusal

    def trace(self) -> Trace:
        """All of it, at the end of the turn."""
        self.step("")
        return Trace(
            hooks=tuple(self.hooks),
            verdicts=tuple(self.verdicts),
            model=self.model,
            tokens=self.end.tokens,
            first_text_ms=self.first_text_ms,
            packs={stamp.id: stamp.version for stamp in self.stamps} or self.packs,
            pack_stamps=self.stamps,
            settings=self.settings,
            timings=self.timings,
            notes=tuple(self.notes),
            draft_changes=tuple(
                (black_out(before, self.blacked_out), black_out(after, self.blacked_out))
                for before, after in self.draft_changes
            ),
            # It may hold the words of a draft, and of a changed answer it says nothing true.
            backend_state={} if self.refusal or self.draft_changes else self.end.state,
        )
