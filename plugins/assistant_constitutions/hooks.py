"""Where the packs meet a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assistant import Host, hookimpl
from assistant.evaluators import Evaluator, Subject
from assistant.messages import Turn
from assistant.verdicts import ACTIONS, Action, Rule, Verdict
from assistant_constitutions.engine import OUTPUT, check_evaluators, judge, places_of, run_pack_tests
from assistant_constitutions.errors import PackError, UnknownPack
from assistant_constitutions.loader import BUNDLED, available, load_bundled, load_by_id
from assistant_constitutions.pack import Pack, Place

_BLOCKING: frozenset[Action] = frozenset({"refuse", "ask", "allow"})
_REMARKS: frozenset[Action] = frozenset({"warn", "disclaim"})


@dataclass
class _House:
    """What `startup` found, for the hooks that follow. One for each process, as the plugin is one module."""

    evaluators: Mapping[str, Evaluator]
    folder: Path
    packs: tuple[Pack, ...]
    extra: dict[str, tuple[object, Pack]] = field(default_factory=dict[str, tuple[object, Pack]])
    """Packs that questions have named: id -> (state of the file, pack)."""


_house: _House | None = None


def _get() -> _House:
    if _house is None:
        raise PackError("No constitution pack is loaded.", hint="`startup` has to run before the first turn.")
    return _house


@hookimpl
def startup(host: Host) -> None:
    """Load the bundled packs.

    Raises:
        PackError: one cannot be used, or an evaluator that it needs is missing.
    """
    global _house
    _house = None  # a start that fails must not leave the rules of an earlier one
    packs = tuple(load_bundled(pack_id) for pack_id in BUNDLED)
    for pack in packs:
        check_evaluators(pack, host.evaluators)
    _house = _House(evaluators=host.evaluators, folder=host.settings.data_dir / "packs", packs=packs)
    host.packs.update({pack.id: pack.version for pack in packs})


@hookimpl(on_failure="closed")
def before_turn(turn: Turn) -> list[Verdict]:
    """Apply the rules for questions. A question that names a pack which cannot be applied is refused, and told why."""
    subject = Subject(turn=turn, part="question", text=turn.question.text)
    return _judge(subject, places_of(turn), frozenset(ACTIONS))


@hookimpl(on_failure="closed")
def check_segment(turn: Turn, released: str, segment: str) -> list[Verdict]:
    """Apply the rules for answers that can end the turn, to all of the answer so far."""
    return _judge(Subject(turn=turn, part="answer", text=released + segment), OUTPUT, _BLOCKING)


@hookimpl(phase="observe", on_failure="open")
def after_turn(turn: Turn, answer: str) -> list[Verdict]:
    """Apply the rules for answers that add a remark."""
    return _judge(Subject(turn=turn, part="answer", text=answer), OUTPUT, _REMARKS)


def _judge(subject: Subject, places: frozenset[Place], actions: frozenset[Action]) -> list[Verdict]:
    house = _get()
    enabled = {pack.id for pack in house.packs}
    packs = list(house.packs)
    for pack_id in dict.fromkeys(subject.turn.settings.packs):
        if pack_id in enabled:
            continue
        try:
            packs.append(_extra_pack(house, pack_id))
        except (UnknownPack, PackError) as error:
            # Raised, it would count as a failure of this plugin; three such questions would switch all rules off.
            return (
                [Verdict(action="refuse", rule=_named_packs_apply(), message=str(error))] if "refuse" in actions else []
            )
    return judge(packs, house.evaluators, subject, places, actions)


def _named_packs_apply() -> Rule:
    return Rule(
        id="constitutions.named-packs-apply",
        title="A constitution pack cannot be applied",
        text="A question is answered only under all the packs that it names.",
        pack="constitutions",
        pack_version="1",
        kind="regulation",
        severity="low",
        instead="Ask again without the pack, or with one that is there.",
    )


def _extra_pack(house: _House, pack_id: str) -> Pack:
    """A pack that a question names, kept until its file changes. Its own tests must hold before it is applied."""
    file = available(house.folder).get(pack_id)
    state = None
    if file is not None:
        facts = file.stat()
        state = (file, facts.st_mtime_ns, facts.st_size)
    kept = house.extra.get(pack_id)
    if kept is not None and state is not None and kept[0] == state:
        return kept[1]
    pack = load_by_id(pack_id, house.folder)
    report = run_pack_tests(pack, house.evaluators)
    if not report.passed:
        failures = "\n".join(map(str, report.failures[:5]))
        raise PackError(f"Pack {pack.id} {pack.version} does not pass its own tests:\n{failures}")
    house.extra[pack_id] = (state, pack)
    return pack


def enabled_packs() -> list[Pack]:
    """The packs that apply to every turn; the bundled ones where `startup` has not run."""
    return list(_house.packs if _house is not None else map(load_bundled, BUNDLED))


@hookimpl
def feedback_reasons() -> list[str]:
    """The reasons that the enabled packs offer to a person who rates an answer, each once."""
    return list(dict.fromkeys(reason for pack in enabled_packs() for reason in pack.feedback_reasons))
