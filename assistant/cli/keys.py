"""``assistant keys``: what lets programs in."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from assistant.cli import common
from assistant.cli.common import JsonOption, tell, write
from assistant.errors import InputError
from assistant.person import user_name

if TYPE_CHECKING:
    from assistant.accounts import Accounts
    from assistant.accounts.keys import Keys
    from assistant.store.account_values import Scope

app = typer.Typer(name="keys", help="API keys, for programs that chat in somebody's name.", no_args_is_help=True)


class ScopeName(StrEnum):
    """The scopes, for the command line."""

    chat = "chat"
    feedback = "feedback"
    explain = "explain"
    check = "check"
    admin = "admin"


class TierName(StrEnum):
    """The tiers, for the command line."""

    research = "research"
    enterprise = "enterprise"
    platform = "platform"


@contextmanager
def opened() -> Generator[tuple[Accounts, Keys, TextIO]]:
    """The accounts and keys of the settings' database, and the output for data."""
    from assistant.accounts import Accounts
    from assistant.accounts.keys import Keys
    from assistant.settings import load_settings

    settings = load_settings()
    with common.data_output() as out, common.open_store(settings) as store:
        yield Accounts(store), Keys(store), out


@app.command()
def add(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="In whose name the program chats.")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What it is for.")] = "",
    scope: Annotated[
        list[ScopeName] | None, typer.Option("--scope", help="What it opens. May be given several times.")
    ] = None,
    tier: Annotated[TierName | None, typer.Option("--tier", help="A set of scopes with a name.")] = None,
    requests: Annotated[int, typer.Option("--requests", metavar="N", help="Requests a day.")] = 1_000,
    tokens: Annotated[int, typer.Option("--tokens", metavar="N", help="Tokens a day.")] = 1_000_000,
) -> None:
    """Make a key and print it, this one time. Without --scope and --tier it opens chat and feedback."""
    from assistant.accounts.keys import TIERS

    if scope and tier:
        raise InputError("Expected --scope or --tier; both came.", hint="A tier is a set of scopes: leave one out.")
    named: frozenset[Scope] = frozenset(each.value for each in scope or (ScopeName.chat, ScopeName.feedback))
    scopes = TIERS[tier.value] if tier else named
    with opened() as (accounts, keys, out):
        owner = accounts.get(account)
        key, row = keys.add(owner, name, scopes=scopes, requests_a_day=requests, tokens_a_day=tokens, who=user_name())
        write(out, f"{key}\n")
        tell(
            f"A key for {owner.name}; it opens {', '.join(row.scopes)}. It is shown this one time and kept nowhere. "
            f"To end it: assistant keys revoke {row.id}"
        )


@app.command(name="list")
def show_list(
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Those of one account only.")] = None,
    json: JsonOption = False,
) -> None:
    """List the keys with what they used today; not the keys themselves, which nobody has kept."""
    with opened() as (accounts, keys, out):
        found = keys.list(accounts.get(account) if account else None)
        used = [keys.used(row) for row, _ in found]
        if json:
            lines = [
                row.model_dump(mode="json") | {"account": owner.name, "requests": requests, "tokens": tokens}
                for (row, owner), (requests, tokens) in zip(found, used, strict=True)
            ]
            common.write_json(out, lines)
            return
        for (row, owner), (requests, tokens) in zip(found, used, strict=True):
            today = f"today {requests:,}/{row.requests_a_day:,} requests, {tokens:,}/{row.tokens_a_day:,} tokens"
            state = "revoked" if row.revoked_at else today
            write(out, f"{row.id}  {owner.name:16}  {','.join(row.scopes):36}  {state}  {row.name}".rstrip() + "\n")
        if not found:
            tell("There are no keys. To make one, type: assistant keys add ACCOUNT")


@app.command()
def revoke(key: Annotated[str, typer.Argument(metavar="KEY", help="Its id, or the first characters of it.")]) -> None:
    """End a key: from the next request on it opens nothing."""
    with opened() as (_, keys, out):
        write(out, f"The key {keys.revoke(key, who=user_name()).id} opens nothing any more.\n")
