"""``ccserver users``: who may sign in at the web process.  Works whether it runs or not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, WRONG, Config, Set, fail, loaded
from ccserver.cli.tables import console
from ccserver.settings import Settings
from ccserver.web.passwords import BadPassword, hashed
from ccserver.web.store import Account, Store, StoreError

app = typer.Typer(help="Who may sign in at the web process.", no_args_is_help=True)
T = TypeVar("T")


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    READ_ONLY = "read_only"


Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command()
def add(
    name: Name,
    role: Role,
    agent: Annotated[str | None, typer.Option(metavar="ID", help="The agent he is.")] = None,
    team: Annotated[
        list[str] | None, typer.Option(help="A supervisor's; none: all.  Repeatable.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Make an account.  The password is asked for, or read from standard input."""
    settings = loaded(config, changes).settings
    if name in {account.name for account in settings.accounts}:
        fail(REFUSED, f"account {name} is in the configuration")
    if role is Role.AGENT and agent is None:
        fail(WRONG, "expected --agent ID, for that is the account's role")
    if agent is not None and agent not in {known.id for known in settings.agents}:
        fail(REFUSED, f"no agent {agent} in the configuration")
    account = Account(name, role.value, agent, tuple(team or ()))
    password = _password()
    _with_store(settings, lambda store: store.add(account, password))
    typer.echo(f"account {name}: {role}")


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, changes: Set = None) -> None:
    """Show the accounts, those of the configuration too."""
    settings = loaded(config, changes).settings
    table = Table("name", "role", "agent", "teams", "kept in")
    for entry in settings.accounts:
        teams = ", ".join(entry.teams)
        table.add_row(entry.name, entry.role, entry.agent or "", teams, "configuration")
    for account in _with_store(settings, Store.accounts):
        teams = ", ".join(account.teams)
        table.add_row(account.name, account.role, account.agent or "", teams, "data.dir")
    console().print(table)


@app.command()
def passwd(name: Name, config: Config = DEFAULT_CONFIG, changes: Set = None) -> None:
    """Give an account a new password; it is signed out everywhere."""
    settings = loaded(config, changes).settings
    password = _password()
    _with_store(settings, lambda store: store.set_password(name, password))
    typer.echo(f"account {name}: new password")


@app.command()
def remove(name: Name, config: Config = DEFAULT_CONFIG, changes: Set = None) -> None:
    """Remove an account; it is signed out everywhere."""
    _with_store(loaded(config, changes).settings, lambda store: store.remove(name))
    typer.echo(f"account {name}: removed")


def _password() -> str:
    """Its hash."""
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    try:
        return hashed(password)
    except BadPassword as error:
        fail(WRONG, f"the password: {error}")


def _with_store(settings: Settings, work: Callable[[Store], T]) -> T:
    try:
        with closing(Store(Path(settings.data.dir))) as store:
            return work(store)
    except StoreError as error:
        fail(REFUSED, str(error))
