"""Every hook: when it is called, in which order, with what, what it may return, and what ``None`` means.

Implementations run one after the other, by declared phase (``normalise``, ``check``, ``judge``, ``observe``), inside a
phase by plugin name. Each call has a time limit, and an exception is never a verdict: `assistant.extensions` says what
happens then. An implementation takes only the arguments it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from assistant.backends import Backend, ModelTrace
    from assistant.evaluators import Evaluator
    from assistant.explanations import Explanation
    from assistant.extensions import Host
    from assistant.messages import Feedback, ImagePart, PackStamp, Reading, Receipt, Turn, TurnRecord
    from assistant.panels import Panel
    from assistant.plugin_settings import PluginSettings
    from assistant.verdicts import Verdict

PROJECT = "assistant"

_spec = pluggy.HookspecMarker(PROJECT)


class Hooks(Protocol):
    """The hooks, as a plugin implements them with ``@hookimpl``."""

    @_spec
    def startup(self, host: Host) -> None:
        """Called once, after every plugin is registered and before the first turn.

        Args:
            host: the plugin's way to the settings, the store, the evaluators and the list of enabled packs.

        Returns:
            Nothing.

        Example:
            >>> @hookimpl
            ... def startup(host):
            ...     host.packs["my_pack"] = "1.0.0"
        """
        ...

    @_spec
    def register_backends(self) -> Sequence[Backend] | None:
        """Called once at start: the models that this plugin can answer with. Nothing heavy may happen here; a backend
        loads its weights in `Backend.load`.

        Returns:
            Backends; ``None`` means that there are none.

        Example:
            >>> @hookimpl
            ... def register_backends():
            ...     return [FakeModel("a red circle")]
        """
        ...

    @_spec
    def register_evaluators(self) -> Sequence[Evaluator] | None:
        """Called once at start: the evaluators, by name, that rules may ask for a finding.

        Returns:
            Evaluators; ``None`` means that there are none.

        Example:
            >>> @hookimpl
            ... def register_evaluators():
            ...     return [LexicalEvaluator()]
        """
        ...

    @_spec
    def register_settings(self) -> type[PluginSettings] | None:
        """Called once at start: the settings of this plugin, as a model. The page makes a form of it; a hook reads the
        values that hold for its call with `assistant.settings_of`.

        Returns:
            A subclass of `assistant.PluginSettings` in which every field has a default. ``None``: it has no settings.

        Example:
            >>> @hookimpl
            ... def register_settings():
            ...     return Loudness
        """
        ...

    @_spec
    def read_picture(self, image: ImagePart) -> Reading | None:
        """Called for every picture that nobody has read yet, after intake and before the rules. The implementations
        are asked one after the other until one has read it; a reader of last resort declares the phase ``observe``.

        Args:
            image: the picture; `assistant.intake.open_image` gives its pixels.

        Returns:
            What is written in it, kept with the turn; without texts where there is nothing. ``None``: this plugin
            cannot read it. What is read is data: rules judge it and answers may quote it, and no model gets it as
            words of the person.

        Example:
            >>> @hookimpl(time_limit=10)
            ... def read_picture(image):
            ...     box = Region(left=0, top=0, right=1, bottom=1)
            ...     return Reading(reader="mine 1.0", texts=(ReadText(text="STOP", region=box, confidence=0.9),))
        """
        ...

    @_spec
    def before_turn(self, turn: Turn) -> Verdict | Sequence[Verdict] | None:
        """Called for every question after intake and before the model sees it, at every door.

        Args:
            turn: the question with its pictures, the history of shown answers, and in ``earlier`` the questions that
                led here, refused ones too. No model gets those.

        Returns:
            One verdict or several. The strongest action decides; ``refuse`` or ``ask`` ends the turn, and the model is
            not called. ``None`` means that the plugin has nothing to say.

        Example:
            >>> @hookimpl(on_failure="closed")
            ... def before_turn(turn):
            ...     if "password" in turn.question.text:
            ...         return Verdict(action="refuse", rule=RULE)
        """
        ...

    @_spec
    def packs_in_force(self, turn: Turn) -> Sequence[PackStamp] | None:
        """Called once for every turn, at its end: the constitution packs that it was judged by, for its trace.

        Args:
            turn: the question.

        Returns:
            A stamp for each pack: id, version, hash. ``None``: this plugin applies no packs.

        Example:
            >>> @hookimpl
            ... def packs_in_force(turn):
            ...     return [PackStamp(id="parking", version="1.0.0", sha256="0" * 64)]
        """
        ...

    @_spec
    def check_segment(self, turn: Turn, released: str, segment: str, whole: bool) -> Verdict | Sequence[Verdict] | None:
        """Called while the answer is being written, before each segment may leave.

        Args:
            turn: the question.
            released: what the person has already seen of the answer.
            segment: the text that comes next. The end of it is held back, so that a phrase of up to
                `assistant.release.HOLD_BACK` characters is never shown in part before it is whole.
            whole: whether the answer is over, and the segment is all the rest of it.

        Returns:
            As for `before_turn`; ``refuse`` or ``ask`` withdraws the whole answer. ``revise`` brings in ``replacement``
            what is to stand in place of the segment. While the answer is still being written, it only holds back
            everything that comes from then on; at the end the text is put in and checked again, a few times at most.
            ``None``: the segment may leave.

        Example:
            >>> @hookimpl(on_failure="closed")
            ... def check_segment(turn, released, segment):
            ...     if "secret" in segment:
            ...         return Verdict(action="refuse", rule=RULE)
        """
        ...

    @_spec
    def after_turn(self, turn: Turn, answer: str) -> Verdict | Sequence[Verdict] | None:
        """Called once with the whole answer, before it is recorded.

        Args:
            turn: the question.
            answer: the whole answer.

        Returns:
            As for `before_turn`, and ``revise`` with the new answer in ``replacement`` (it is checked again), or
            ``disclaim`` with a sentence to add. An implementation in the phase ``observe`` sees an answer that has
            already been shown: it may return ``allow``, ``warn`` and ``disclaim`` only. One in any other phase may
            refuse or revise, and for that the runtime holds the whole answer back until it has spoken. ``None``:
            nothing to say.

        Example:
            >>> @hookimpl(phase="observe")
            ... def after_turn(turn, answer):
            ...     return Verdict(action="disclaim", message="Not medical advice.")
        """
        ...

    @_spec
    def turn_finished(self, record: TurnRecord) -> None:
        """Called for every turn that ended, in whatever way, after it was stored.

        Args:
            record: the finished turn. A refused answer is not in it.

        Returns:
            Nothing.

        Example:
            >>> @hookimpl(phase="observe")
            ... def turn_finished(record):
            ...     print(record.status)
        """
        ...

    @_spec
    def record_feedback(self, feedback: Feedback, record: TurnRecord) -> Receipt | None:
        """Called when a person rates an answer, changes the rating, or takes it back.

        Args:
            feedback: the rating as given.
            record: the turn that it is about.

        Returns:
            A receipt: a sentence that says what became of it. ``None``: this plugin keeps no feedback. Where every
            plugin says ``None``, the person is told that nothing was stored.

        Example:
            >>> @hookimpl
            ... def record_feedback(feedback, record):
            ...     return Receipt(stored=True, message="Stored.")
        """
        ...

    @_spec
    def feedback_reasons(self) -> Sequence[str] | None:
        """Called when the page offers reasons to a person who rates an answer.

        Returns:
            Reasons in a few words each, in the order in which they are offered; ``None``: this plugin offers none.

        Example:
            >>> @hookimpl
            ... def feedback_reasons():
            ...     return ["Wrong about the picture"]
        """
        ...

    @_spec
    def register_panels(self) -> Sequence[Panel] | None:
        """Called once at start: the panels that this plugin brings, each a page beside the chat with a button at the
        top. Nothing heavy may happen here; a panel does its work in `Panel.draw`.

        Returns:
            Panels; ``None`` means that there are none. Of two with the same name the first one counts.

        Example:
            >>> @hookimpl
            ... def register_panels():
            ...     return [Parking()]  # with name = "parking", title = "Parking", draw(request)
        """
        ...

    @_spec
    def explain_word(self, record: TurnRecord, trace: ModelTrace, word: int) -> Explanation | None:
        """Called when a person clicks a word of an answer.

        Args:
            record: the turn.
            trace: the model's own account of how it wrote the answer (`Backend.trace`).
            word: the index of the word in ``trace.words``, from 0.

        Returns:
            An explanation to show; ``None``: this plugin cannot explain this word.

        Example:
            >>> @hookimpl(phase="observe")
            ... def explain_word(record, trace, word):
            ...     return None
        """
        ...


def hook_names() -> list[str]:
    """Every hook of the specification, by name."""
    return sorted(name for name, value in vars(Hooks).items() if getattr(value, f"{PROJECT}_spec", None) is not None)
