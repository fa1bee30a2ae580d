"""Where the packs meet a turn."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from assistant import Host, PackStamp, Panel, hookimpl
from assistant.evaluators import Evaluator, Subject
from assistant.messages import Turn
from assistant.verdicts import Action, Rule, Verdict
from assistant_constitutions.composing import Constitution
from assistant_constitutions.engine import OUTPUT, places_of
from assistant_constitutions.errors import PackError, UnknownPack
from assistant_constitutions.in_force import PacksInForce
from assistant_constitutions.keeper import Keeper
from assistant_constitutions.pack import Place
from assistant_constitutions.panel import PacksPanel
from assistant_constitutions.questions import judge_question
from assistant_constitutions.revising import Rewrite
from assistant_constitutions.rewriting import rewriter
from assistant_constitutions.shelf import Shelf
from assistant_constitutions.streaming import judge_what_is_new

_BLOCKING: frozenset[Action] = frozenset({"refuse", "ask", "revise", "allow"})
_REMARKS: frozenset[Action] = frozenset({"warn", "disclaim"})
TURNS_AT_ONCE = 512
"""So many turns are judged to their end by the packs with which they began; where more run, by those of the moment."""


NAMED_PACKS_APPLY = Rule(
    id="constitutions.named-packs-apply",
    title="A constitution pack cannot be applied",
    text="A question is answered only under all the packs that it names.",
    pack="constitutions",
    pack_version="1",
    kind="regulation",
    severity="low",
    instead="Ask again without the pack, or with one that is there.",
)
"""The rule that is cited where a question names a pack that is not there or does not pass its own tests."""


class Constitutions:
    """The plugin: the packs of one runtime, and the hooks that apply them."""

    def __init__(self) -> None:
        self._evaluators: Mapping[str, Evaluator] = {}
        self._rewrite: Rewrite | None = None
        self._in_force: PacksInForce | None = None
        self._keeper: Keeper | None = None
        self._lock = threading.Lock()
        self._of_turn: OrderedDict[str, Constitution] = OrderedDict()
        """By the id of a turn, for those of late: one that has begun is judged by the same packs to its end."""

    @hookimpl
    def startup(self, host: Host) -> None:
        """Load the packs that are always on, and those that are enabled.

        Raises:
            PackError: one cannot be used, or an evaluator that it needs is missing.
        """
        self._in_force = None  # a start that fails must not leave the rules of an earlier one
        self._evaluators = host.evaluators
        self._rewrite = rewriter(host)

        def tell(constitution: Constitution) -> None:
            host.packs.clear()
            host.packs.update({stamp.id: stamp.version for stamp in constitution.stamps})

        shelf = Shelf(host.settings.data_dir / "packs")
        in_force = PacksInForce(shelf, host.evaluators, lambda: host.store.last_pack_change(), tell)
        # First of all, so that a pack that stops the start can be disabled.
        self._keeper = Keeper(shelf, in_force, host.evaluators, host.store)
        host.pack_keepers.append(self._keeper)
        in_force.load()
        self._in_force = in_force

    @hookimpl
    def register_panels(self) -> list[Panel]:
        """The panel in which people read the packs and try them, and an operator changes them."""
        return [PacksPanel(self._keeper)] if self._keeper else []

    @hookimpl(on_failure="closed")
    def before_turn(self, turn: Turn) -> list[Verdict]:
        """Apply the rules for questions. One that names a pack which cannot be applied is refused, and told why."""
        places = places_of(turn)
        return self._ranked(turn, judge_question(turn, lambda subject, actions: self._judge(subject, places, actions)))

    @hookimpl(on_failure="closed")
    def check_segment(self, turn: Turn, released: str, segment: str, whole: bool) -> list[Verdict]:
        """Apply the rules for answers that can end the turn or change the answer, to all of the answer so far."""
        text, shown = released + segment, len(released)
        subject = Subject(turn=turn, part="answer", text=text, shown=shown, whole=whole)
        return self._ranked(turn, judge_what_is_new(subject, lambda part: self._judge(part, OUTPUT, _BLOCKING)))

    @hookimpl(phase="observe", on_failure="open")
    def after_turn(self, turn: Turn, answer: str) -> list[Verdict]:
        """Apply the rules for answers that add a remark."""
        return self._ranked(turn, self._judge(Subject(turn=turn, part="answer", text=answer), OUTPUT, _REMARKS))

    @hookimpl
    def packs_in_force(self, turn: Turn) -> list[PackStamp]:
        """The packs that a turn was judged by."""
        try:
            return list(self._constitution(turn).stamps)
        except (UnknownPack, PackError):
            return list(self._now().stamps)

    @hookimpl
    def feedback_reasons(self) -> list[str]:
        """The reasons that the enabled packs offer to a person who rates an answer, each once."""
        return list(dict.fromkeys(reason for pack in self._now().packs for reason in pack.feedback_reasons))

    def _judge(self, subject: Subject, places: frozenset[Place], actions: frozenset[Action]) -> list[Verdict]:
        try:
            constitution = self._constitution(subject.turn)
        except (UnknownPack, PackError) as error:
            if self._in_force is None:
                raise
            # Raised, it would count as a failure of this plugin; three such questions would switch all rules off.
            refusal = Verdict(action="refuse", rule=NAMED_PACKS_APPLY, message=str(error))
            return [refusal] if "refuse" in actions else []
        return constitution.judge(self._evaluators, subject, places, actions, self._rewrite)

    def _ranked(self, turn: Turn, found: list[Verdict]) -> list[Verdict]:
        """Verdicts on texts that belong together, the one that decides first."""
        if not found or any(verdict.rule == NAMED_PACKS_APPLY for verdict in found):
            return found
        return self._constitution(turn).ranked(found)

    def _now(self) -> Constitution:
        if self._in_force is None:
            raise PackError("No constitution pack is loaded.", hint="`startup` has to run before the first turn.")
        return self._in_force.now()

    def _constitution(self, turn: Turn) -> Constitution:
        with self._lock:
            known = self._of_turn.get(turn.id)
        if known is not None:
            return known
        now = self._now()
        if turn.settings.packs and self._in_force is not None:
            now = self._in_force.with_named(turn.settings.packs)
        with self._lock:
            self._of_turn[turn.id] = now
            while len(self._of_turn) > TURNS_AT_ONCE:
                self._of_turn.popitem(last=False)
        return now
