"""Accounts and keys on the page: one's own, and for an operator everybody's."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.accounts.keys import TIERS
from assistant.accounts.passwords import LONGEST, SHORTEST
from assistant.store.account_values import Account, KeyRow
from assistant.ui.languages import day, later, number, tr
from assistant.ui.views.markup import Child, Html, dots, join, rich, tag
from assistant.ui.views.panel import form, press, send

ROLES = {
    "user": later("user: chats"),
    "reviewer": later("reviewer: also decides appeals"),
    "operator": later("operator: everything, accounts too"),
}
OPENS = {
    "research": later("research: chat, ratings, checks, and where each word came from"),
    "enterprise": later("enterprise: the same, and the numbers of the house"),
    "platform": later("platform: chat, ratings and checks"),
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
            tag(
                "p",
                rich(
                    tr("You are signed in as {name}. Your role is {role}."),
                    name=tag("strong", account.name),
                    role=tr(ROLES[account.role]),
                ),
            ),
            tag(
                "p",
                tr("Here nobody else sees your chats, not even an operator. Who runs the computer can read its files."),
                class_="quiet",
            ),
            tag("form", tag("button", tr("Sign out"), type="submit", class_="main"), method="post", action="/logout"),
            tag("h3", tr("Your keys")),
            tag("ul", *(_key(panel, row, used) for row, used in keys))
            if keys
            else tag(
                "p", tr("None. A key lets a program chat in your name; an operator can make you one."), class_="empty"
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
    alone = tr(
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
                rich(
                    tr("To remove an account for good, with all its chats, type: {command}"),
                    command=tag("code", "assistant accounts remove NAME"),
                ),
                class_="quiet",
            )
            if accounts
            else None,
        ]
    )


def new_key(key: str, row: KeyRow, name: str) -> Html:
    """A key that was just made, shown this one time."""
    quota = tr(
        "{requests_a_day} requests and {tokens_a_day} tokens a day",
        requests_a_day=number(row.requests_a_day),
        tokens_a_day=number(row.tokens_a_day),
    )
    return tag(
        "div",
        tag(
            "p",
            tag("strong", tr("A key for {name}:", name=name)),
            " ",
            tr("copy it now, it is shown this one time and kept nowhere."),
        ),
        tag("p", tag("code", key)),
        tag(
            "p",
            tr("It opens {scopes}; {quota}.", scopes=", ".join(row.scopes), quota=quota),
        ),
        class_="notice",
        role="status",
    )


def _person(panel: str, account: Account, keys: Sequence[tuple[KeyRow, Used]]) -> Html:
    label, name = f"person-{account.id}", account.name
    facts = [
        tr(ROLES[account.role]).partition(":")[0],
        *([tr("disabled")] if account.disabled else []),
        *([tr("signs in elsewhere (single sign-on)")] if account.subject else []),
        tr("since {created_at}", created_at=day(account.created_at)),
    ]
    can_enter = (
        press(panel, "enable", tr("Let in again"), name=name)
        if account.disabled
        else join(
            [
                press(panel, "sign-out", tr("Sign out everywhere"), name=name),
                press(panel, "disable", tr("Let in no more"), danger=True, name=name),
            ]
        )
    )
    return tag(
        "article",
        tag("h3", name, id=label),
        tag("p", dots(facts), class_="quiet"),
        tag("ul", *(_key(panel, row, used) for row, used in keys)) if keys else None,
        tag(
            "details",
            tag("summary", tr("Change {name}", name=name)),
            form(
                panel,
                "role",
                *_choice(f"role-{account.id}", "role", tr("Role"), _texts(ROLES), account.role),
                send(tr("Give this role")),
                name=name,
            ),
            None
            if account.subject
            else form(
                panel,
                "password",
                *_password(f"password-{account.id}", tr("New password")),
                send(tr("Set it")),
                name=name,
            ),
            _new_key_form(panel, account),
            tag("div", can_enter, class_="buttons"),
            data_key=f"change-{account.id}",
        ),
        class_="case",
        aria_labelledby=label,
    )


def _new_key_form(panel: str, account: Account) -> Html:
    opens = {name: text for name, text in _texts(OPENS).items() if name != "enterprise" or account.role == "operator"}
    field = f"label-{account.id}"
    return form(
        panel,
        "key",
        tag("label", tr("A new key: what is it for?"), for_=field),
        tag("input", id=field, name="label", type="text", maxlength=100, autocomplete="off"),
        *_choice(f"tier-{account.id}", "tier", tr("What it opens"), opens, "platform"),
        send(tr("Make the key")),
        name=account.name,
    )


def _key(panel: str, row: KeyRow, used: Used) -> Html:
    today = tr(
        "today {requests} of {most_requests} requests, {tokens} of {most_tokens} tokens",
        requests=number(used[0]),
        most_requests=number(row.requests_a_day),
        tokens=number(used[1]),
        most_tokens=number(row.tokens_a_day),
    )
    return tag(
        "li",
        tag("code", row.id),
        f" {row.name} " if row.name else " ",
        tag("span", tr("opens {scopes}; {today}.", scopes=", ".join(row.scopes), today=today), class_="quiet"),
        " ",
        press(panel, "revoke", tr("End key {id}", id=row.id), danger=True, key=row.id),
    )


def _add(panel: str, *, first: bool) -> Html:
    roles = _texts({"operator": ROLES["operator"]} if first else ROLES)
    return tag(
        "section",
        tag("h3", tr("Add a person"), id="add-person"),
        form(
            panel,
            "add",
            tag("label", tr("Name, to sign in with"), for_="new-name"),
            tag("input", id="new-name", name="name", type="text", maxlength=80, required=True, autocomplete="off"),
            *_password("new-password", tr("Password")),
            *_choice("new-role", "role", tr("Role"), roles, next(iter(roles))),
            send(tr("Add this person"), main=True),
        ),
        aria_labelledby="add-person",
    )


def _texts(table: dict[str, str]) -> dict[str, str]:
    return {name: tr(text) for name, text in table.items()}


def _password(field: str, label: str) -> tuple[Child, ...]:
    return (
        tag("label", tr("{label} ({count} characters or more)", label=label, count=SHORTEST), for_=field),
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
