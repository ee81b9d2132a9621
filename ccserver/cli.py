"""The command line: ``ccserver run``, and what one asks of a running server.

Exit status: 0 done; 1 refused, or the server failed; 2 the configuration or the command is wrong,
or a port is taken; 3 no server is running.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer

from ccserver import __version__, desk
from ccserver.console import (
    DEFAULT_CONFIG,
    WRONG,
    Config,
    Set,
    ask_server,
    fail,
    load_settings,
    show,
    warn,
)
from ccserver.logs import set_up_logging
from ccserver.settings import reference
from ccserver.settings.changes import hand_down
from ccserver.supervisor.run import CannotStart
from ccserver.supervisor.run import run as run_server

app = typer.Typer(
    help="A contact-centre server: phones register, customers call, the right agent's phone rings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)


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
    loaded = load_settings(config, set)
    set_up_logging(loaded.settings.log.level, loaded.settings.log.format)
    try:
        status = run_server(config, set or [], loaded, os.environ)
    except (CannotStart, OSError) as error:
        fail(WRONG, str(error))
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
    load_settings(config, set)
    arguments = [sys.executable, "-m", "loadtest.demo", "--config", str(config)]
    arguments += [f"--own={agent}" for agent in own or []]
    os.execve(sys.executable, arguments, hand_down(set or [], os.environ))


@app.command()
def check(config: Config = DEFAULT_CONFIG, set: Set = None) -> None:  # noqa: A002
    """Say everything that is wrong with a configuration, with file, line and key."""
    loaded = load_settings(config, set)
    warn(loaded)
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
            fail(WRONG, f"{action} takes no code")
        args["code"] = code
    elif action is Action.IDLE:
        fail(WRONG, "expected an idle code, as: ccserver agent 1001 idle lunch")
    answer = ask_server(config, set, _OPERATIONS[action], args)
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
    answer = ask_server(config, set, "status")
    shown = {key: value for key, value in answer.items() if key not in ("id", "ok")}
    if json:
        typer.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        show(shown)


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


desk.add_to(app)
