"""Accounts and keys on the page: one's own, and for an operator everybody's."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.accounts.keys import TIERS
from assistant.accounts.passwords import LONGEST, SHORTEST
from assistant.store.account_values import Account, KeyRow
from assistant.ui.views.markup import Child, Html, join, tag
from assistant.ui.views.panel import form, press, send

ROLES = {
    "user": "user: chats",
    "reviewer": "reviewer: also decides appeals",
    "operator": "operator: everything, accounts too",
}
OPENS = {
    "research": "research: chat, ratings, checks, and where each word came from",
    "enterprise": "enterprise: the same, and the numbers of the house",
    "platform": "platform: chat, ratings and checks",
}
assert set(OPENS) == set(TIERS)

Used = tuple[int, int]


def account_view(panel: str, account: Account, keys: Sequence[tuple[KeyRow, Used]]) -> Html:
    """One's own account.

    Args:
        panel: the name of the panel.
        account: who looks.
        keys: their keys that open something, each with the requests and tokens of today.
    """
    return join(
        [
            tag("p", "You are signed in as ", tag("strong", account.name), f". Your role is {ROLES[account.role]}."),
            tag(
                "p",
                "Here nobody else sees your chats, not even an operator. Who runs the computer can read its files.",
                class_="quiet",
            ),
            tag("form", tag("button", "Sign out", type="submit", class_="main"), method="post", action="/logout"),
            tag("h3", "Your keys"),
            tag("ul", *(_key(panel, row, used) for row, used in keys))
            if keys
            else tag(
                "p", "None. A key lets a program chat in your name; an operator can make you one.", class_="empty"
            ),
        ]
    )


def people_view(panel: str, accounts: Sequence[Account], keys: Sequence[tuple[KeyRow, Used]]) -> Html:
    """Everybody, with what an operator can change.

    Args:
        panel: the name of the panel.
        accounts: by name.
        keys: those that open something, each with the requests and tokens of today.
    """
    alone = (
        "There are no accounts: you use Glassbox alone, and nobody has to sign in. Make one for yourself to begin; it "
        "will be an operator's, and from then on everybody has to sign in. It begins without chats; to take those of "
        "before along, type instead: assistant accounts add NAME --with-chats"
    )
    return join(
        [
            None if accounts else tag("p", alone, class_="empty"),
            *(_person(panel, each, [pair for pair in keys if pair[0].user_id == each.id]) for each in accounts),
            _add(panel, first=not accounts),
            tag(
                "p",
                "To remove an account for good, with all its chats: ",
                tag("code", "assistant accounts remove NAME"),
                class_="quiet",
            )
            if accounts
            else None,
        ]
    )


def new_key(key: str, row: KeyRow, name: str) -> Html:
    """A key that was just made, shown this one time."""
    quota = f"{row.requests_a_day:,} requests and {row.tokens_a_day:,} tokens a day"
    return tag(
        "div",
        tag("p", tag("strong", f"A key for {name}: "), "copy it now, it is shown this one time and kept nowhere."),
        tag("p", tag("code", key)),
        tag(
            "p",
            f"It opens {', '.join(row.scopes)}; {quota}.",
        ),
        class_="notice",
        role="status",
    )


def _person(panel: str, account: Account, keys: Sequence[tuple[KeyRow, Used]]) -> Html:
    label, name = f"person-{account.id}", account.name
    facts = [
        ROLES[account.role].partition(":")[0],
        *(["disabled"] if account.disabled else []),
        *(["signs in elsewhere (single sign-on)"] if account.subject else []),
        f"since {account.created_at:%d %B %Y}",
    ]
    can_enter = (
        press(panel, "enable", "Let in again", name=name)
        if account.disabled
        else join(
            [
                press(panel, "sign-out", "Sign out everywhere", name=name),
                press(panel, "disable", "Let in no more", danger=True, name=name),
            ]
        )
    )
    return tag(
        "article",
        tag("h3", name, id=label),
        tag("p", " · ".join(facts), class_="quiet"),
        tag("ul", *(_key(panel, row, used) for row, used in keys)) if keys else None,
        tag(
            "details",
            tag("summary", f"Change {name}"),
            form(
                panel,
                "role",
                *_choice(f"role-{account.id}", "role", "Role", ROLES, account.role),
                send("Give this role"),
                name=name,
            ),
            None
            if account.subject
            else form(
                panel, "password", *_password(f"password-{account.id}", "New password"), send("Set it"), name=name
            ),
            _new_key_form(panel, account),
            tag("div", can_enter, class_="buttons"),
            data_key=f"change-{account.id}",
        ),
        class_="case",
        aria_labelledby=label,
    )


def _new_key_form(panel: str, account: Account) -> Html:
    opens = {name: text for name, text in OPENS.items() if name != "enterprise" or account.role == "operator"}
    field = f"label-{account.id}"
    return form(
        panel,
        "key",
        tag("label", "A new key: what is it for?", for_=field),
        tag("input", id=field, name="label", type="text", maxlength=100, autocomplete="off"),
        *_choice(f"tier-{account.id}", "tier", "What it opens", opens, "platform"),
        send("Make the key"),
        name=account.name,
    )


def _key(panel: str, row: KeyRow, used: Used) -> Html:
    today = f"today {used[0]:,} of {row.requests_a_day:,} requests, {used[1]:,} of {row.tokens_a_day:,} tokens"
    return tag(
        "li",
        tag("code", row.id),
        f" {row.name} " if row.name else " ",
        tag("span", f"opens {', '.join(row.scopes)}; {today}. ", class_="quiet"),
        press(panel, "revoke", f"End key {row.id}", danger=True, key=row.id),
    )


def _add(panel: str, *, first: bool) -> Html:
    roles = {"operator": ROLES["operator"]} if first else ROLES
    return tag(
        "section",
        tag("h3", "Add a person", id="add-person"),
        form(
            panel,
            "add",
            tag("label", "Name, to sign in with", for_="new-name"),
            tag("input", id="new-name", name="name", type="text", maxlength=80, required=True, autocomplete="off"),
            *_password("new-password", "Password"),
            *_choice("new-role", "role", "Role", roles, next(iter(roles))),
            send("Add this person", main=True),
        ),
        aria_labelledby="add-person",
    )


def _password(field: str, label: str) -> tuple[Child, ...]:
    return (
        tag("label", f"{label} ({SHORTEST} characters or more)", for_=field),
        tag(
            "input",
            id=field,
            name="password",
            type="password",
            minlength=SHORTEST,
            maxlength=LONGEST,
            required=True,
            autocomplete="new-password",
        ),
    )


def _choice(field: str, name: str, label: str, options: dict[str, str], chosen: str) -> tuple[Child, ...]:
    return (
        tag("label", label, for_=field),
        tag(
            "select",
            *(tag("option", text, value=value, selected=value == chosen) for value, text in options.items()),
            id=field,
            name=name,
        ),
    )
