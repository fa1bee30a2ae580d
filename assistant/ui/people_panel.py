"""The panel "People": an operator makes accounts and keys, gives roles, and lets nobody in any more."""

from __future__ import annotations

from typing import cast, get_args

from assistant.accounts import Accounts, Role
from assistant.accounts.keys import TIERS, Keys, Tier
from assistant.errors import InputError
from assistant.panels import PanelRequest
from assistant.runtime import Runtime
from assistant.ui.languages import told, tr, trn
from assistant.ui.views.markup import Html, join
from assistant.ui.views.panel import said
from assistant.ui.views.people import new_key, people_view


class PeoplePanel:
    """For operators; without accounts, for the person at this computer."""

    name = "people"
    audience = "operators"

    def __init__(self, runtime: Runtime) -> None:
        self._accounts, self._keys = Accounts(runtime.store), Keys(runtime.store)

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        return tr("People")

    def draw(self, request: PanelRequest) -> str:
        """The panel after what the operator did.

        Raises:
            GlassboxError: it cannot be done; the message says why.
        """
        request.must_be_operator()
        return join([self._done(request) if request.act else None, self._drawn()])

    def _done(self, request: PanelRequest) -> Html:
        name, who = request.text("name"), request.viewer.name
        match request.act:
            case "add":
                made = self._accounts.add(name, request.text("password"), role=_role(request), who=who)
                return said(
                    tr(
                        "{name} can sign in now; the role: {role}. Tell them the password yourself.",
                        name=made.name,
                        role=told(made.role),
                    )
                )
            case "role":
                changed = self._accounts.set_role(name, _role(request), who=who)
                return said(tr("The role of {name} is {role} now.", name=changed.name, role=told(changed.role)))
            case "disable":
                return said(
                    tr("{name} can no longer sign in. The chats stay.", name=self._accounts.disable(name, who=who).name)
                )
            case "enable":
                return said(tr("{name} can sign in again.", name=self._accounts.enable(name, who=who).name))
            case "password":
                changed = self._accounts.set_password(name, request.text("password"), who=who)
                return said(tr("{name} has a new password and is signed out everywhere.", name=changed.name))
            case "sign-out":
                count = self._accounts.sign_out_everywhere(name)
                return said(
                    trn(
                        "{name} is signed out everywhere ({count} session).",
                        "{name} is signed out everywhere ({count} sessions).",
                        count,
                        name=name,
                    )
                )
            case "key":
                key, row = self._keys.add(
                    self._accounts.get(name), request.text("label"), scopes=TIERS[_tier(request)], who=who
                )
                return new_key(key, row, name)
            case "revoke":
                return said(
                    tr("The key {id} opens nothing any more.", id=self._keys.revoke(request.text("key"), who=who).id)
                )
            case unknown:
                raise InputError(f"The page asked for “{unknown}”, which does not exist.", hint="Load the page again.")

    def _drawn(self) -> Html:
        keys = [(row, self._keys.used(row)) for row, _ in self._keys.list() if row.revoked_at is None]
        return people_view(self.name, self._accounts.list(), keys)


def _role(request: PanelRequest) -> Role:
    role = request.text("role")
    if role not in get_args(Role):
        raise InputError(f"Expected a role: {', '.join(get_args(Role))}; came “{role}”.", hint="Choose one of them.")
    return cast("Role", role)


def _tier(request: PanelRequest) -> Tier:
    tier = request.text("tier")
    if tier not in TIERS:
        raise InputError(f"Expected what the key opens: {', '.join(TIERS)}; came “{tier}”.", hint="Choose one of them.")
    return tier
