"""The panel "Packs": read the packs, try them, add them, switch them on and off."""

from __future__ import annotations

import tempfile
from pathlib import Path

from assistant.errors import GlassboxError, InputError
from assistant.packs import PackChange, PackKeeper, PackProblem, PackTests, Prompt
from assistant.panels import PanelRequest
from assistant_constitutions.loader import MAX_BYTES
from assistant_constitutions.panel.language import tr

NAME = "packs"
MOST_PROMPTS = 200
"""So many prompts are tried at once."""
MOST_CHARACTERS = 200_000
"""In all of them together."""


class PacksPanel:
    """The panel over a keeper of packs. Changes are for the operator; looking and trying is for everybody."""

    name = NAME

    def __init__(self, keeper: PackKeeper) -> None:
        self._keeper = keeper
        self._tested: dict[str, PackTests] = {}
        """Results by the hash of the pack: its file decides them."""

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        return tr("Packs")

    def draw(self, request: PanelRequest) -> str:
        """The panel after what the person did.

        Raises:
            GlassboxError: it cannot be done; the message says why.
        """
        pack = request.text("pack")
        match request.act:
            case "":
                return self._list(request)
            case "show":
                return self._show(request, pack)
            case "check":
                return self._checked(request, pack)
            case "add":
                return self._add(request)
            case "enable" | "disable" | "rollback" | "grant" | "revoke":
                request.must_be_operator()
                try:
                    return self._show(request, pack, self._changed(request, pack))
                except GlassboxError as error:  # the pack stays in view
                    return self._show(request, pack, str(error), problem=True)
            case "diff":
                return self._diff(request, pack)
            case "try" | "preview" | "preview-tests":
                return self._try(request, pack)
            case unknown:
                raise InputError(f"The page asked for “{unknown}”, which does not exist.", hint="Load the page again.")

    # Looking

    def _list(self, request: PanelRequest) -> str:
        from assistant_constitutions.panel.listing import list_view

        return list_view(
            self._keeper.summaries(), self._keeper.problem(), self._tested, may_change=request.viewer.operator
        )

    def _show(
        self,
        request: PanelRequest,
        pack: str,
        notice: str = "",
        tests: PackTests | None = None,
        problems: list[PackProblem] | None = None,
        *,
        problem: bool = False,
    ) -> str:
        from assistant.ui.views.markup import join
        from assistant.ui.views.panel import said
        from assistant_constitutions.panel.showing import pack_view

        summary = next((each for each in self._keeper.summaries() if each.id == pack), None)
        if summary is None:
            raise InputError(f"There is no pack “{pack}”.", hint="It may have been removed.")
        content = None if summary.problem else self._keeper.show(pack)[1]
        shown = pack_view(
            summary, content, tests or self._tested.get(summary.sha256), problems, may_change=request.viewer.operator
        )
        return join([said(notice, problem=problem) if notice else None, shown])

    def _checked(self, request: PanelRequest, pack: str, notice: str = "") -> str:
        tests = self._test(pack)
        return self._show(request, pack, notice, tests, list(self._keeper.lint([pack])))

    def _test(self, pack: str) -> PackTests:
        tests = self._keeper.test(pack)
        self._tested[tests.sha256] = tests
        return tests

    def _diff(self, request: PanelRequest, pack: str) -> str:
        from assistant_constitutions.panel.comparing import diff_view

        before, after = request.text("before"), request.text("after")
        return diff_view(pack, before, after, self._keeper.diff(f"{pack}@{before}", f"{pack}@{after}"))

    def _try(self, request: PanelRequest, pack: str) -> str:
        from assistant_constitutions.panel.trying import Tried, try_view

        prompts, with_picture = request.text("prompts"), request.text("image") == "yes"
        rows, problem = None, ""
        try:
            if request.act == "preview":
                rows = self._keeper.preview(pack or None, _prompts(prompts, with_picture))
            elif request.act == "preview-tests":
                rows = self._keeper.preview(pack or None, [])
        except GlassboxError as error:  # what was typed stays in the box
            problem = str(error)
        return try_view(self._keeper.summaries(), Tried(pack, prompts, with_picture), rows, problem)

    # Changing

    def _add(self, request: PanelRequest) -> str:
        request.must_be_operator()
        sent = request.file("file", MAX_BYTES)
        name = Path(sent.name.replace("\\", "/")).name or "pack.yaml"
        with tempfile.TemporaryDirectory(prefix="glassbox-") as folder:
            file = Path(folder) / "pack.yaml"
            file.write_bytes(sent.data)
            try:
                done = self._keeper.add(str(file), request.viewer.name)
            except GlassboxError as error:  # the person knows the file by the name that it has on their disk
                raise InputError(f"Not added. {error}".replace(str(file), name)) from error
        # What was added stands on the shelf even where another version of it is in force.
        ref = f"{done.pack}@{done.version}"
        tests, problems = self._keeper.test(ref), list(self._keeper.lint([ref]))
        self._tested[tests.sha256] = tests
        if done.leaf is None:
            notice = tr("{pack} {version} was here already.", pack=done.pack, version=done.version)
        else:
            notice = tr(
                "{pack} {version} is added and not on yet. Audit log, leaf {leaf}.",
                pack=done.pack,
                version=done.version,
                leaf=done.leaf,
            )
        return self._show(request, done.pack, notice, tests, problems)

    def _changed(self, request: PanelRequest, pack: str) -> str:
        """Make a change; what came of it in a sentence."""
        who, reason, rule = request.viewer.name, request.text("reason"), request.text("rule")
        match request.act:
            case "enable":
                done = self._keeper.enable(pack, request.text("version") or None, who)
                said = tr("{pack} is on: its rules apply from the next question on.", pack=_called(done))
            case "disable":
                done = self._keeper.disable(pack, who)
                said = tr("{pack} is off: its rules apply to nothing from the next question on.", pack=_called(done))
            case "rollback":
                done = self._keeper.rollback(pack, who)
                said = tr("{pack} is in force again.", pack=_called(done))
            case "grant":
                done = self._keeper.grant(pack, rule, reason, who)
                said = tr("{pack} may now make its exception to {rule}.", pack=_called(done), rule=rule)
            case _:
                done = self._keeper.revoke(pack, rule, reason, who)
                said = tr("{pack} may make no exception to {rule} any more.", pack=_called(done), rule=rule)
        return f"{said} {_leaf(done)}"


def _called(done: PackChange) -> str:
    return f"{done.pack} {done.version}"


def _leaf(done: PackChange) -> str:
    return (
        tr("It was so already.") if done.leaf is None else tr("The audit log says so in leaf {leaf}.", leaf=done.leaf)
    )


def _prompts(text: str, with_picture: bool) -> list[Prompt]:
    """One prompt in each line, each by itself or as if a picture came with it.

    Raises:
        InputError: there is none, or there are too many.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError("There is no question to try.", hint="Write one in each line, or use the pack's own tests.")
    if len(lines) > MOST_PROMPTS or len(text) > MOST_CHARACTERS:
        raise InputError(
            f"Expected at most {MOST_PROMPTS} lines and {MOST_CHARACTERS:,} characters; came {len(lines)} and "
            f"{len(text):,}.",
            hint="For more, type: assistant packs preview --file FILE",
        )
    return [Prompt(text=line, image=with_picture) for line in lines]
