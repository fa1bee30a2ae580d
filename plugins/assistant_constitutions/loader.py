"""From a YAML file to a `Pack`. A pack is data from strangers: reading one executes nothing and costs little."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import yaml
from pydantic import TypeAdapter, ValidationError

from assistant_constitutions.errors import PackError
from assistant_constitutions.pack import Pack, PackId

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 100_000
SHOWN_PROBLEMS = 8
_PACKS = resources.files("assistant_constitutions").joinpath("packs")
BUNDLED = tuple(sorted(file.name.removesuffix(".yaml") for file in _PACKS.iterdir() if file.name.endswith(".yaml")))
"""The packs that come with Glassbox."""
ALWAYS_ON = ("core",)
"""Those of them that nobody can switch off; the others apply where they are enabled or named."""

# The C parser of libyaml where PyYAML was built with it: the same result in a tenth of the time.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))
_pack_id: TypeAdapter[str] = TypeAdapter(PackId)


class Readable(Protocol):
    """A file to read: a `pathlib.Path` or one inside an installed package."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        ...

    def read_bytes(self) -> bytes:
        """All of it."""
        ...


def load_bundled(pack_id: str) -> Pack:
    """Load a pack that comes with Glassbox.

    Raises:
        PackError: its file cannot be used.
    """
    return parse_pack(bundled_source(pack_id), name=f"{pack_id}.yaml", expected_id=pack_id)


def bundled_source(pack_id: str) -> bytes:
    """The file of a pack that comes with Glassbox."""
    return _PACKS.joinpath(f"{pack_id}.yaml").read_bytes()


def is_pack_id(text: str) -> bool:
    """Whether a text can be the id of a pack; no path and no look-alike letter can."""
    try:
        _pack_id.validate_python(text)
    except ValidationError:
        return False
    return True


def load_file(file: Path, *, expected_id: str | None = None) -> Pack:
    """Load a pack from a file.

    Args:
        file: a YAML file.
        expected_id: the id that the pack must have, from the name of its file.

    Raises:
        PackError: the file cannot be read or used.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise PackError(f"{file}: cannot be read: {error.strerror or error}.") from error
    return parse_pack(data, name=str(file), expected_id=expected_id)


def parse_pack(data: bytes, *, name: str, expected_id: str | None = None) -> Pack:
    """Turn the bytes of a YAML file into a pack.

    Args:
        data: the file.
        name: how messages call it.
        expected_id: the id that the pack must have; ``None`` accepts any.

    Returns:
        The pack, of which every field has been checked; the options of evaluators have not, see
        `assistant_constitutions.engine.check_evaluators`.

    Raises:
        PackError: says the line, the field, what was expected and what came, for the first few problems.
    """
    if len(data) > MAX_BYTES:
        raise PackError(f"{name}: expected at most {MAX_BYTES:,} bytes; came {len(data):,} or more.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PackError(f"{name}: expected text in UTF-8; byte {error.start} is none.") from error
    _refuse_tricks(text, name)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise PackError(f"{name}, line 1: expected a pack with fields such as `id: ...`; came something else.")
        _refuse_repeated_keys(root, name)
        content = loader.construct_document(root)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PackError(_yaml_problem(error, name)) from error
    finally:
        loader.dispose()
    try:
        pack = Pack.model_validate(content)
    except ValidationError as error:
        problems = [_describe(problem, root) for problem in error.errors()]
        raise _pack_error(name, problems) from error
    problems = _contradictions(pack, root, expected_id)
    if problems:
        raise _pack_error(name, problems)
    return pack


Location = tuple[int | str, ...]


def _pack_error(name: str, problems: Sequence[str]) -> PackError:
    shown = [f"{name}, {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(f"... and {len(problems) - SHOWN_PROBLEMS} more problems")
    return PackError("\n".join(shown))


def _refuse_tricks(text: str, name: str) -> None:
    """Walk the events of the file before anything is built out of them."""
    depth = nodes = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise PackError(
                    f"{name}, line {line}: expected no anchors and aliases (& and *).",
                    hint="They can make a small file huge; write the text out.",
                )
            tag = getattr(event, "tag", None)
            if tag is not None and tag not in _PLAIN_TAGS:
                raise PackError(f"{name}, line {line}: expected plain values; came the tag {tag!r:.80}.")
            nodes += isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                limit = f"{MAX_DEPTH} levels" if depth > MAX_DEPTH else f"{MAX_NODES:,} values"
                raise PackError(f"{name}, line {line}: expected at most {limit}.")
    except (yaml.YAMLError, RecursionError) as error:
        raise PackError(_yaml_problem(error, name)) from error


def _yaml_problem(error: Exception, name: str) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"{name}, line {mark.line + 1}" if mark is not None else name
    reason = re.sub(r"\s+", " ", str(getattr(error, "problem", None) or error))[:200]
    return f"{place}: expected YAML; it cannot be read: {reason}."


def _refuse_repeated_keys(root: yaml.Node, name: str) -> None:
    waiting: list[yaml.Node] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                word = str(key.value)
                line = key.start_mark.line + 1
                if key.tag != "tag:yaml.org,2002:str":
                    message = f"{name}, line {line}: expected the name of a field; came {word!r:.80}."
                    raise PackError(message, hint="Put it in quotes.")
                if word in seen:
                    raise PackError(f"{name}, line {line}: expected {word!r:.80} once here; it came again.")
                seen.add(word)
                waiting.append(value)


def _line(root: yaml.Node, location: Location) -> int:
    """The line of a field, or of the nearest thing around it."""
    node = root
    line = node.start_mark.line
    for step in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == step), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return line + 1


def _describe(problem: Any, root: yaml.Node) -> str:
    location: Location = problem["loc"]
    came = f"{problem['input']!r:.80}"
    field = ".".join(map(str, location))[:200]
    expected = problem["msg"].removeprefix("Input should be ")
    if problem["type"] == "missing":
        return f"line {_line(root, location)}: field {field}: expected a value; came nothing."
    if problem["type"] == "extra_forbidden":
        known = _fields_near(location)
        close = get_close_matches(str(location[-1])[:100], known, 1)
        hint = f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(known)}." if known else ""
        return f"line {_line(root, location)}: field {field}: expected no field of that name.{hint}"
    if isinstance(problem["input"], bool | int | float) and "string" in expected:
        expected += " (in quotes)"
    return f"line {_line(root, location)}: field {field}: expected {expected}; came {came}."


def _fields_near(location: Location) -> list[str]:
    """The names that are allowed where an unknown one stands."""
    schema = Pack.model_json_schema()
    here: dict[str, Any] = schema
    for step in location[:-1]:
        here = next((each for each in here.get("anyOf", ()) if "$ref" in each), here)
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
        here = here.get("items", {}) if isinstance(step, int) else here.get("properties", {}).get(step, {})
    here = next((each for each in here.get("anyOf", ()) if "$ref" in each), here)
    if "$ref" in here:
        here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
    return sorted(here.get("properties", {}))


def _contradictions(pack: Pack, root: yaml.Node, expected_id: str | None) -> list[str]:
    """What the fields, each right by itself, get wrong together."""
    problems: list[str] = []

    def add(location: Location, sentence: str) -> None:
        field = ".".join(map(str, location))
        problems.append(f"line {_line(root, location)}: field {field}: {sentence}")

    if expected_id is not None and pack.id != expected_id:
        add(("id",), f"expected {expected_id!r}, the name of the file; came {pack.id!r}.")
    seen: set[str] = set()
    for number, principle in enumerate(pack.principles):
        here: Location = ("principles", number)
        if principle.id in seen:
            add((*here, "id"), f"expected an id that no other principle has; {principle.id!r} came again.")
        seen.add(principle.id)
        if (principle.action == "revise") != (principle.revise is not None):
            add(
                (*here, "revise" if principle.revise else "action"),
                "expected the action 'revise' and `revise`, which says how, together; came one without the other.",
            )
        if principle.action == "revise" and set(principle.applies_to) != {"output"}:
            add((*here, "applies_to"), "expected [output] with 'revise', which changes an answer.")
        if principle.action in ("ask", "warn", "disclaim") and not principle.message:
            add(here, f"expected a `message`, the sentence that {principle.action!r} says; came nothing.")
    for number, override in enumerate(pack.overrides):
        if override.rule in seen:
            add(
                ("overrides", number, "rule"),
                f"expected a principle of another pack; {override.rule!r} is in this one.",
            )
    known = seen | {override.rule for override in pack.overrides}
    for number, case in enumerate(pack.tests):
        if case.rule not in known:
            add(("tests", number, "rule"), f"expected the id of a principle in this pack; came {case.rule!r}.")
    return problems
