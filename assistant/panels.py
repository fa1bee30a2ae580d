"""Panels: pages beside the chat. Plugins bring them with the hook ``register_panels``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from assistant.errors import InputError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a panel. An ``operator`` may change how the house works, a ``reviewer`` decides appeals; ``name`` is
    for the audit log. ``owner`` is whose chats they see: the id of their account, or ``local``."""

    name: str
    operator: bool
    reviewer: bool = False
    owner: str = "local"

    @property
    def may_review(self) -> bool:
        """Whether they may decide appeals, and see what was refused."""
        return self.reviewer or self.operator


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that a person chose on the page."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PanelRequest:
    """What a person did in a panel.

    ``act`` is what the pressed button is for, and empty where the panel was opened. Anything may be in ``fields``: read
    them with the methods.
    """

    act: str
    fields: Mapping[str, Any]
    viewer: Viewer

    def text(self, name: str) -> str:
        """A field of text; empty where it is missing or something else."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def file(self, name: str, most: int) -> SentFile:
        """A file.

        Args:
            name: of the field.
            most: so many bytes it may have.

        Raises:
            InputError: none was chosen, or it has more.
        """
        value = self.fields.get(name)
        if not isinstance(value, Mapping):
            raise InputError("Expected a file; none was chosen.", hint="Choose one, and press the button again.")
        sent = cast("Mapping[str, Any]", value)
        called, size, data = (sent.get(key) for key in ("name", "size", "data"))
        if isinstance(size, int) and size > most:
            raise InputError(f"Expected a file of at most {most:,} bytes; it has {size:,}.")
        try:
            content = base64.b64decode(data if isinstance(data, str) else "", validate=True)
        except (binascii.Error, ValueError) as error:
            raise InputError("The file did not arrive whole.", hint="Send it again.") from error
        if len(content) > most:
            raise InputError(f"Expected a file of at most {most:,} bytes; it has {len(content):,}.")
        return SentFile(called if isinstance(called, str) else "", content)

    def must_be_operator(self) -> None:
        """Only an operator goes on from here.

        Raises:
            InputError: the viewer is none.
        """
        if not self.viewer.operator:
            raise InputError(
                "Only the operator may do this: an account with that role or, where there are no accounts, the person "
                "at the computer on which Glassbox runs.",
            )

    def must_be_reviewer(self) -> None:
        """Only a reviewer or an operator goes on from here.

        Raises:
            InputError: the viewer is neither.
        """
        if not self.viewer.may_review:
            raise InputError("Only a reviewer or an operator may do this.", hint="Ask an operator for the role.")


class Panel(Protocol):
    """A page beside the chat, with a button at the top of the page.

    Whatever a person does in it comes as a `PanelRequest`, also from whoever calls the address behind a button by hand:
    a panel checks the viewer itself before it changes anything. A panel with an attribute ``audience`` of
    ``"reviewers"`` or ``"operators"`` is there for them alone; without it, for everybody.
    """

    @property
    def name(self) -> str:
        """For the page's script: lower-case letters, digits and hyphens."""
        ...

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        ...

    def draw(self, request: PanelRequest) -> str:
        """What stands in the panel after what the person did.

        Returns:
            Markup made with `assistant.ui.views.markup`; any other text is escaped. The page shows an error of ours as
            a sentence, with the panel as it is when it is opened below it.
        """
        ...


def accept_panels(value: Any) -> list[Panel]:
    """What ``register_panels`` may return.

    Raises:
        TypeError: it is something else.
    """
    panels: list[Any] = list(value or ())
    for each in panels:
        if not callable(getattr(each, "draw", None)) or not isinstance(getattr(each, "title", None), str):
            raise TypeError(f"expected panels, with name, title and draw; got {type(each).__name__}")
        if not _NAME.fullmatch(str(getattr(each, "name", ""))):
            raise TypeError(f"expected a panel's name of lower-case letters, digits and hyphens; got {each.name!r}")
    return panels
