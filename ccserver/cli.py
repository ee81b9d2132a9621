"""The command line: ``ccserver run``, and what one asks of a running server.

Exit status: 0 done; 1 refused, or the server failed; 2 the configuration or the command is wrong,
or a port is taken; 3 no server is running.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table

from ccserver import __version__
from ccserver.door import NobodyThere, ask
from ccserver.logs import set_up_logging
from ccserver.settings import ConfigurationError, Loaded, load, reference
from ccserver.settings.changes import hand_down
from ccserver.supervisor.run import CannotStart
from ccserver.supervisor.run import run as run_server

REFUSED, WRONG, NOT_RUNNING = 1, 2, 3
DEFAULT_CONFIG = Path("config/ccserver.toml")

app = typer.Typer(
    help="A contact-centre server: phones register, customers call, the right agent's phone rings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)
Config = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, a TOML file.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="In place of what FILE says.  Repeatable."),
]


class Action(StrEnum):
    AVAILABLE = "available"
    IDLE = "idle"
    SIGN_OUT = "sign-out"
    END_WRAP_UP = "end-wrap-up"


_OPERATIONS = {
    Action.AVAILABLE: "agent.set_available",
    Action.IDLE: "agent.set_idle",
    Action.SIGN_OUT: "agent.sign_out",
    Action.END_WRAP_UP: "agent.end_wrap_up",
}


def main() -> None:
    app()


@app.command()
def run(config: Config = DEFAULT_CONFIG, set: Set = None) -> None:  # noqa: A002
    """Run the server until SIGTERM or Ctrl-C: then it drains.  A second one ends it at once."""
    loaded = _load(config, set)
    set_up_logging(loaded.settings.log.level, loaded.settings.log.format)
    try:
        status = run_server(config, set or [], loaded, os.environ)
    except (CannotStart, OSError) as error:
        _fail(WRONG, str(error))
    raise typer.Exit(status)


@app.command()
def demo(
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
    own: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Leave this agent to a phone of yours.  Repeatable."),
    ] = None,
) -> None:
    """Run the server with simulated agents and customers, and watch calls move."""
    _load(config, set)
    arguments = [sys.executable, "-m", "loadtest.demo", "--config", str(config)]
    arguments += [f"--own={agent}" for agent in own or []]
    os.execve(sys.executable, arguments, hand_down(set or [], os.environ))


@app.command()
def check(config: Config = DEFAULT_CONFIG, set: Set = None) -> None:  # noqa: A002
    """Say everything that is wrong with a configuration, with file, line and key."""
    loaded = _load(config, set)
    _warn(loaded)
    settings = loaded.settings
    counts = (
        f"{len(settings.agents)} agents, {len(settings.queues)} queues, "
        f"{len(settings.entry_points)} entry points, {len(settings.trunks)} trunks"
    )
    typer.echo(f"{config}: good ({counts})")


@app.command()
def agent(
    agent: Annotated[str, typer.Argument(metavar="ID", help="The agent, as 1001.")],
    action: Annotated[Action, typer.Argument()],
    code: Annotated[
        str | None, typer.Argument(help="Idle: why.  End-wrap-up: what came of it.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
) -> None:
    """Change an agent's state in the running server."""
    args = {"agent": agent}
    if code is not None:
        if action not in (Action.IDLE, Action.END_WRAP_UP):
            _fail(WRONG, f"{action} takes no code")
        args["code"] = code
    elif action is Action.IDLE:
        _fail(WRONG, "expected an idle code, as: ccserver agent 1001 idle lunch")
    answer = _ask(config, set, _OPERATIONS[action], args)
    state = answer.get("state")
    more = [str(answer[key]) for key in ("code", "pending") if answer.get(key)]
    typer.echo(f"agent {agent}: {' '.join([str(state), *more])}")


@app.command()
def status(
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show agents and queues of the running server."""
    answer = _ask(config, set, "status")
    shown = {key: value for key, value in answer.items() if key not in ("id", "ok")}
    if json:
        typer.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(shown)


@app.command("config-reference")
def config_reference(
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there, not to standard output.")
    ] = None,
) -> None:
    """Make docs/configuration.md: every key, what it takes and what it is for."""
    text = reference.markdown()
    if write is None:
        typer.echo(text, nl=False)
    else:
        write.write_text(text, encoding="utf-8")


@app.command()
def version() -> None:
    """Show the version."""
    typer.echo(f"ccserver {__version__}")


def _load(config: Path, overrides: list[str] | None) -> Loaded:
    try:
        return load(config, overrides or [], os.environ)
    except ConfigurationError as error:
        count = len(error.problems)
        _fail(WRONG, f"the configuration has {count} error{'s' * (count > 1)}\n{error}")


def _warn(loaded: Loaded) -> None:
    for warning in loaded.warnings:
        typer.echo(f"ccserver: warning: {warning}", err=True)


def _ask(
    config: Path, overrides: list[str] | None, op: str, args: dict[str, Any] | None = None
) -> dict[str, Any]:
    data = Path(_load(config, overrides).settings.data.dir)
    try:
        answer = ask(data, op, args)
    except NobodyThere as error:
        _fail(NOT_RUNNING, str(error))
    if "refused" in answer:
        said = [str(answer["refused"])]
        said += [f"{key}: {_words(answer[key])}" for key in ("state", "detail") if answer.get(key)]
        if answer.get("allowed"):
            said.append(f"allowed now: {_words(answer['allowed'])}")
        _fail(REFUSED, "refused: " + "; ".join(said))
    return answer


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show(shown: Mapping[str, Any]) -> None:
    """Lists of like things as tables, the rest as lines."""
    console = Console()
    for key, value in shown.items():
        rows = _rows(value)
        if rows is None:
            console.print(f"{key}: {_words(value)}", markup=False, highlight=False)
            continue
        columns = list(dict.fromkeys(column for row in rows for column in row))
        table = Table(*(column.replace("_", " ") for column in columns), title=key)
        for row in rows:
            table.add_row(*(_cell(column, row.get(column)) for column in columns))
        console.print(table)


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
    return _words(value)


def _fail(status: int, text: str) -> NoReturn:
    print(f"ccserver: {text}", file=sys.stderr)
    raise typer.Exit(status)
