"""``assistant accounts``: who may use this Glassbox from elsewhere, and what they may do."""

from __future__ import annotations

import sys
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
    from assistant.accounts import Account, Accounts

app = typer.Typer(
    name="accounts", help="Make and change accounts. Without any, one person uses Glassbox alone.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name that the person signs in with.")]


class RoleName(StrEnum):
    """The roles, for the command line."""

    user = "user"
    reviewer = "reviewer"
    operator = "operator"


RoleOption = Annotated[
    RoleName, typer.Option("--role", help="user: chats. reviewer: decides appeals, too. operator: everything.")
]


@contextmanager
def opened() -> Generator[tuple[Accounts, TextIO]]:
    """The accounts of the settings' database, and the output for data."""
    from assistant.accounts import Accounts
    from assistant.settings import load_settings

    settings = load_settings()
    with common.data_output() as out, common.open_store(settings) as store:
        yield Accounts(store), out


def new_password() -> str:
    """A password, typed twice without being shown; or one line of a pipe.

    Raises:
        InputError: the two are not the same.
    """
    if not sys.stdin.isatty():
        return common.data_input().readline().decode("utf-8", "replace").rstrip("\r\n")
    first: str = typer.prompt("Password", hide_input=True, err=True)
    if typer.prompt("The same again", hide_input=True, err=True) != first:
        raise InputError("The two passwords are not the same.", hint="Nothing was changed. Try again.")
    return first


@app.command()
def add(
    name: NameArgument,
    role: RoleOption = RoleName.user,
    with_chats: Annotated[
        bool, typer.Option("--with-chats", help="Give it the chats that were made here without an account.")
    ] = False,
) -> None:
    """Make an account; the first one of all is an operator's. Asks for the password, or reads it from a pipe.

    From the first account on, the page asks everybody to sign in.
    """
    with opened() as (accounts, out):
        first = not accounts.in_use
        made = accounts.add(name, new_password(), role=role.value, who=user_name())
        write(out, f"The account {made.name} is there; its role: {made.role}.\n")
        if with_chats:
            count = accounts.hand_over_local_chats(made.name)
            write(out, f"{count} chats that were made without an account are now its own.\n")
        if first:
            tell("From now on everybody has to sign in. To let other computers in: assistant serve --host 0.0.0.0")


@app.command(name="list")
def show_list(json: JsonOption = False) -> None:
    """List the accounts."""
    with opened() as (accounts, out):
        found = accounts.list()
        if json:
            common.write_json(out, [as_json(each) for each in found])
            return
        for each in found:
            notes = [*(["disabled"] if each.disabled else []), *(["single sign-on"] if each.subject else [])]
            write(out, f"{each.name:24}  {each.role:8}  {each.created_at:%Y-%m-%d}  {', '.join(notes)}".rstrip() + "\n")
        if not found:
            tell("There are no accounts: whoever sits at this computer uses Glassbox alone.")


def as_json(account: Account) -> dict[str, object]:
    """An account for programs, without its password."""
    return account.model_dump(mode="json", exclude={"password"})


@app.command(name="role")
def set_role(name: NameArgument, role: Annotated[RoleName, typer.Argument(metavar="ROLE")]) -> None:
    """Give an account another role: user, reviewer or operator. It counts at once."""
    with opened() as (accounts, out):
        changed = accounts.set_role(name, role.value, who=user_name())
        write(out, f"The role of {changed.name} is {changed.role}.\n")


@app.command()
def password(name: NameArgument) -> None:
    """Give an account another password; wherever it is signed in, it is signed out."""
    with opened() as (accounts, out):
        accounts.get(name)
        changed = accounts.set_password(name, new_password(), who=user_name())
        write(out, f"{changed.name} has a new password and is signed out everywhere.\n")


@app.command()
def disable(name: NameArgument) -> None:
    """Let nobody in with an account any more. Its chats stay; `assistant accounts enable` undoes it."""
    with opened() as (accounts, out):
        changed = accounts.disable(name, who=user_name())
        write(out, f"{changed.name} can no longer sign in, and its keys open nothing.\n")


@app.command()
def enable(name: NameArgument) -> None:
    """Let a disabled account in again."""
    with opened() as (accounts, out):
        write(out, f"{accounts.enable(name, who=user_name()).name} can sign in again.\n")


@app.command(name="sign-out")
def sign_out(name: NameArgument) -> None:
    """Sign an account out wherever it is signed in."""
    with opened() as (accounts, out):
        count = accounts.sign_out_everywhere(name)
        write(out, f"{count} session{'' if count == 1 else 's'} of {accounts.get(name).name} ended.\n")


@app.command()
def remove(
    name: NameArgument, yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant.")] = False
) -> None:
    """Delete an account with all its chats, ratings, keys and settings of plugins, for good. `disable` keeps them."""
    from assistant.plugin_choices import Choices
    from assistant.settings import load_settings

    with opened() as (accounts, out):
        found = accounts.get(name)
        if not yes:
            if not sys.stdin.isatty():
                raise InputError(f"Not removed: {found.name} has chats that would be gone for good.", hint="Add --yes.")
            typer.confirm(f"Delete {found.name} and all its chats for good?", abort=True, err=True)
        count = accounts.remove(name, who=user_name())
        Choices(load_settings().data_dir).forget(found.id)
        write(out, f"{found.name} is removed, with {count} chat{'' if count == 1 else 's'}.\n")
        if not accounts.in_use:
            tell("That was the last account: whoever sits at this computer uses Glassbox alone again.")
