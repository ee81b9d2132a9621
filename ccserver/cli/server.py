"""``ccserver run``, ``demo`` and ``check``: the server itself, and its configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from ccserver import __version__
from ccserver.cli.asking import (
    DEFAULT_CONFIG,
    WRONG,
    Config,
    Json,
    Set,
    answered,
    fail,
    loaded,
    several,
)
from ccserver.logs import set_up_logging
from ccserver.settings import reference
from ccserver.settings.changes import hand_down
from ccserver.supervisor.run import CannotStart
from ccserver.supervisor.run import run as run_server


def run(config: Config = DEFAULT_CONFIG, changes: Set = None) -> None:
    """Run the server until SIGTERM or Ctrl-C: then it drains.  A second one ends it at once."""
    found = loaded(config, changes)
    set_up_logging(found.settings.log.level, found.settings.log.format)
    try:
        status = run_server(config, changes or [], found, os.environ)
    except (CannotStart, OSError) as error:
        fail(WRONG, str(error))
    raise typer.Exit(status)


def demo(
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    own: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Leave this agent to a phone of yours.  Repeatable."),
    ] = None,
) -> None:
    """Run the server with simulated agents and customers, and watch calls move."""
    loaded(config, changes)
    arguments = [sys.executable, "-m", "loadtest.demo", "--config", str(config)]
    arguments += [f"--own={agent}" for agent in own or []]
    os.execve(sys.executable, arguments, hand_down(changes or [], os.environ))


def check(
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    tests: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Try the trials in it: docs/why.md says how."),
    ] = None,
) -> None:
    """Say everything that is wrong with a configuration, with file, line and key."""
    found = loaded(config, changes)
    for warning in found.warnings:
        typer.echo(f"ccserver: warning: {warning}", err=True)
    settings = found.settings
    counts = (
        several(len(settings.agents), "agent"),
        several(len(settings.queues), "queue"),
        several(len(settings.entry_points), "entry point"),
        several(len(settings.trunks), "trunk"),
    )
    typer.echo(f"{config}: good ({', '.join(counts)})")
    if tests is not None:
        from ccserver.cli import trying  # the machines, which no other command here needs

        trying.check_all(tests, settings)


def reload(config: Config = DEFAULT_CONFIG, changes: Set = None, json: Json = False) -> None:
    """Have the running server read its configuration again.  A wrong one changes nothing."""
    answer = answered(config, changes, "centre.reload")
    if json:
        typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
        return
    for warning in answer["warnings"]:
        typer.echo(f"ccserver: warning: {warning}", err=True)
    for key in answer["needs_restart"]:
        typer.echo(f"{key}: at the next start only")
    for change in answer["changes"]:
        typer.echo(f"{change['key']}: {change['what']}")
    done = "done" if answer["changes"] else "nothing to do"
    typer.echo(f"{done} (version {answer['version']})")


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


def version() -> None:
    """Show the version."""
    typer.echo(f"ccserver {__version__}")
