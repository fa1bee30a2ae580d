"""Where the packs meet a turn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assistant import Host, hookimpl
from assistant.evaluators import Evaluator, Subject
from assistant.messages import Turn
from assistant.verdicts import ACTIONS, Action, Rule, Verdict
from assistant_constitutions.engine import OUTPUT, check_evaluators, judge, places_of, run_pack_tests
from assistant_constitutions.errors import PackError, UnknownPack
from assistant_constitutions.loader import ALWAYS_ON, available, load_bundled, load_by_id
from assistant_constitutions.pack import Pack, Place
from assistant_constitutions.pictures import judge_with_pictures
from assistant_constitutions.revising import Rewrite
from assistant_constitutions.rewriting import rewriter

_BLOCKING: frozenset[Action] = frozenset({"refuse", "ask", "revise", "allow"})
_REMARKS: frozenset[Action] = frozenset({"warn", "disclaim"})


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
        self._folder = Path()
        self._enabled: tuple[Pack, ...] = ()
        self._named: dict[str, tuple[object, Pack]] = {}
        """Packs that questions have named: id -> (state of the file, pack)."""

    @hookimpl
    def startup(self, host: Host) -> None:
        """Load the bundled packs.

        Raises:
            PackError: one cannot be used, or an evaluator that it needs is missing.
        """
        self._enabled = ()  # a start that fails must not leave the rules of an earlier one
        packs = tuple(load_bundled(pack_id) for pack_id in ALWAYS_ON)
        for pack in packs:
            check_evaluators(pack, host.evaluators)
        self._evaluators = host.evaluators
        self._rewrite = rewriter(host)
        self._folder = host.settings.data_dir / "packs"
        self._enabled = packs
        host.packs.update({pack.id: pack.version for pack in packs})

    @hookimpl(on_failure="closed")
    def before_turn(self, turn: Turn) -> list[Verdict]:
        """Apply the rules for questions. One that names a pack which cannot be applied is refused, and told why."""
        places, actions = places_of(turn), frozenset(ACTIONS)
        return judge_with_pictures(turn, lambda subject: self._judge(subject, places, actions))

    @hookimpl(on_failure="closed")
    def check_segment(self, turn: Turn, released: str, segment: str, whole: bool) -> list[Verdict]:
        """Apply the rules for answers that can end the turn or change the answer, to all of the answer so far."""
        text, shown = released + segment, len(released)
        subject = Subject(turn=turn, part="answer", text=text, shown=shown, whole=whole)
        return self._judge(subject, OUTPUT, _BLOCKING)

    @hookimpl(phase="observe", on_failure="open")
    def after_turn(self, turn: Turn, answer: str) -> list[Verdict]:
        """Apply the rules for answers that add a remark."""
        return self._judge(Subject(turn=turn, part="answer", text=answer), OUTPUT, _REMARKS)

    @hookimpl
    def feedback_reasons(self) -> list[str]:
        """The reasons that the enabled packs offer to a person who rates an answer, each once."""
        return list(dict.fromkeys(reason for pack in self._enabled for reason in pack.feedback_reasons))

    def _judge(self, subject: Subject, places: frozenset[Place], actions: frozenset[Action]) -> list[Verdict]:
        if not self._enabled:
            raise PackError("No constitution pack is loaded.", hint="`startup` has to run before the first turn.")
        packs = {pack.id: pack for pack in self._enabled}
        for pack_id in subject.turn.settings.packs:
            if pack_id in packs:
                continue
            try:
                packs[pack_id] = self._named_pack(pack_id)
            except (UnknownPack, PackError) as error:
                # Raised, it would count as a failure of this plugin; three such questions would switch all rules off.
                refusal = Verdict(action="refuse", rule=NAMED_PACKS_APPLY, message=str(error))
                return [refusal] if "refuse" in actions else []
        return judge(tuple(packs.values()), self._evaluators, subject, places, actions, self._rewrite)

    def _named_pack(self, pack_id: str) -> Pack:
        """A pack that a question names, kept until its file changes. Its own tests must hold before it is applied."""
        file = available(self._folder).get(pack_id)
        state = None
        if file is not None:
            facts = file.stat()
            state = (file, facts.st_mtime_ns, facts.st_size)
        kept = self._named.get(pack_id)
        if kept is not None and state is not None and kept[0] == state:
            return kept[1]
        pack = load_by_id(pack_id, self._folder)
        report = run_pack_tests(pack, self._evaluators)
        if not report.passed:
            failures = "\n".join(map(str, report.failures[:5]))
            raise PackError(f"Pack {pack.id} {pack.version} does not pass its own tests:\n{failures}")
        self._named[pack_id] = (state, pack)
        return pack
