"""The panel "Account": who am I, which keys do I have, and the way out."""

from __future__ import annotations

from assistant.accounts import Accounts
from assistant.accounts.keys import Keys
from assistant.errors import InputError
from assistant.panels import PanelRequest
from assistant.runtime import Runtime
from assistant.store.account_values import Account
from assistant.ui.languages import tr
from assistant.ui.views.markup import Html, join
from assistant.ui.views.panel import said
from assistant.ui.views.people import account_view


class AccountPanel:
    """For everybody who has signed in."""

    name = "account"
    audience = "signed-in"

    def __init__(self, runtime: Runtime) -> None:
        self._accounts, self._keys = Accounts(runtime.store), Keys(runtime.store)

    @property
    def title(self) -> str:
        """What the button and the heading say."""
        return tr("Account")

    def draw(self, request: PanelRequest) -> str:
        """The panel after what the person did.

        Raises:
            GlassboxError: the account or the key is not theirs; the message says what to do.
        """
        account = self._mine(request)
        match request.act:
            case "":
                return self._drawn(account)
            case "revoke":
                key = request.text("key")
                if key not in {row.id for row, _ in self._keys.list(account)}:
                    raise InputError("There is no such key of yours.", hint="Load the page again.")
                self._keys.revoke(key, who=account.name)
                return join([said(tr("The key {key} opens nothing any more.", key=key)), self._drawn(account)])
            case unknown:
                raise InputError(f"The page asked for “{unknown}”, which does not exist.", hint="Load the page again.")

    def _mine(self, request: PanelRequest) -> Account:
        found = next((each for each in self._accounts.list() if each.id == request.viewer.owner), None)
        if found is None:
            raise InputError("This account is no longer there.", hint="Load the page again.")
        return found

    def _drawn(self, account: Account) -> Html:
        keys = [(row, self._keys.used(row)) for row, _ in self._keys.list(account) if row.revoked_at is None]
        return account_view(self.name, account, keys)
