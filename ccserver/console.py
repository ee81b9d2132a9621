"""What every command of the command line shares: options, exit statuses, tables, the door."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from actors.commands import Principal
from ccserver.door import NobodyThere, ask
from ccserver.settings import ConfigurationError, Loaded, load

REFUSED, WRONG, NOT_RUNNING = 1, 2, 3
DEFAULT_CONFIG = Path("config/ccserver.toml")
WIDE = 240

Config = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, a TOML file.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="In place of what FILE says.  Repeatable."),
]


def load_settings(config: Path, overrides: list[str] | None) -> Loaded:
    """The settings; every error of theirs is said, and ends the command."""
    try:
        return load(config, overrides or [], os.environ)
    except ConfigurationError as error:
        count = len(error.problems)
        fail(WRONG, f"the configuration has {count} error{'s' * (count > 1)}\n{error}")


def warn(loaded: Loaded) -> None:
    for warning in loaded.warnings:
        typer.echo(f"ccserver: warning: {warning}", err=True)


def ask_server(
    config: Path,
    overrides: list[str] | None,
    op: str,
    args: dict[str, Any] | None = None,
    principal: Principal | None = None,
) -> dict[str, Any]:
    """The answer of the running server; a refusal is said, and ends the command."""
    data = Path(load_settings(config, overrides).settings.data.dir)
    try:
        answer = ask(data, op, args, principal=principal)
    except NobodyThere as error:
        fail(NOT_RUNNING, str(error))
    if "refused" in answer:
        said = [str(answer["refused"])]
        said += [f"{key}: {words(answer[key])}" for key in ("state", "detail") if answer.get(key)]
        if answer.get("allowed"):
            said.append(f"allowed now: {words(answer['allowed'])}")
        fail(REFUSED, "refused: " + "; ".join(said))
    return answer


def words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def show(shown: Mapping[str, Any]) -> None:
    """Lists of like things as tables, the rest as lines."""
    console = console_of()
    for key, value in shown.items():
        rows = _rows(value)
        if rows is None:
            console.print(f"{key}: {words(value)}", markup=False, highlight=False)
            continue
        columns = list(dict.fromkeys(column for row in rows for column in row))
        table = Table(*(column.replace("_", " ") for column in columns), title=key)
        for row in rows:
            table.add_row(*(_cell(column, row.get(column)) for column in columns))
        console.print(table)


def console_of() -> Console:
    """As wide as the terminal; into a file or a pipe, wide enough to cut nothing off."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def _rows(value: Any) -> list[dict[str, Any]] | None:
    """``[{...}, ...]``, or ``{name: {...}, ...}`` with the name as first column."""
    if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
        return [{"name": name, **row} for name, row in value.items()]
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return value
    return None


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column == "since":  # microseconds since 1970, or 0
        return time.strftime("%H:%M:%S", time.localtime(value / 1e6)) if value else ""
    if isinstance(value, list):
        return str(len(value))
    return words(value)


def fail(status: int, text: str) -> NoReturn:
    print(f"ccserver: {text}", file=sys.stderr)
    raise typer.Exit(status)
