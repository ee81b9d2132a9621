"""What one sees of a running server: its state, live, and what has happened."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console, Group
from rich.live import Live

from ccserver.cli.asking import (
    DEFAULT_CONFIG,
    NOT_RUNNING,
    Config,
    Json,
    Set,
    answered,
    data_of,
    fail,
)
from ccserver.cli.tables import as_line, console, ladder, tables
from ccserver.door import Answer, NobodyThere, ask, follow

BETWEEN = 0.5
"""Seconds between two looks of a live table."""
LAST = 20
"""Entries of the journal that are shown first."""


def status(
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
    json: Json = False,
    once: Annotated[bool, typer.Option("--once", help="Show it once, and end.")] = False,
) -> None:
    """Show agents and queues; in a terminal live, until Ctrl-C."""
    page = console()
    shown = answered(config, set, "status")
    if json:
        _say(shown)
    elif once or not page.is_terminal:
        page.print(tables(shown))
    else:
        _watch(page, data_of(config, set), shown)


def _watch(page: Console, data: Path, shown: Answer) -> None:
    with Live(tables(shown), console=page, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(BETWEEN)
                try:
                    answer = ask(data, "status")
                    live.update(tables({k: answer[k] for k in shown}), refresh=True)
                except (NobodyThere, KeyError):
                    live.update(Group(tables(shown), "The server does not answer."), refresh=True)
        except KeyboardInterrupt:
            return


def agents(config: Config = DEFAULT_CONFIG, set: Set = None, json: Json = False) -> None:  # noqa: A002
    """Show who the agents are and what they do."""
    _show(answered(config, set, "agents"), json)


def queues(config: Config = DEFAULT_CONFIG, set: Set = None, json: Json = False) -> None:  # noqa: A002
    """Show who waits where."""
    _show(answered(config, set, "queues"), json)


def contacts(config: Config = DEFAULT_CONFIG, set: Set = None, json: Json = False) -> None:  # noqa: A002
    """Show the contacts that are there now."""
    _show(answered(config, set, "contacts"), json)


def show_contact(
    contact: Annotated[str, typer.Argument(metavar="ID")],
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
    json: Json = False,
) -> None:
    """Show one contact, living or gone: its legs side by side, and all that happened."""
    shown = answered(config, set, "contact", {"contact": contact})
    if json:
        _say(shown)
        return
    page = console()
    if shown["state"] is not None:
        state = {k: v for k, v in shown["state"].items() if k != "conversation"}
        page.print(tables({"contact": [{"id": contact, **state}]}))
        conversation = shown["state"].get("conversation")
        if conversation is not None:
            named = {f"conversation: {conversation['state']}": conversation["participants"]}
            page.print(tables(named))
    page.print(ladder(shown["timeline"]))


def events(
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
    follow_: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as they come, until Ctrl-C.")
    ] = False,
    after: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Behind this number; else the last 20.")
    ] = None,
    contact: Annotated[str | None, typer.Option(metavar="ID", help="Only of this one.")] = None,
    json: Json = False,
) -> None:
    """Show what happens, as the journal has it."""
    data = data_of(config, set)
    first = answered(config, set, "journal", {"after": 0, "limit": 0})["last"]
    after = max(0, first - LAST) if after is None else after
    try:
        while follow_:
            for entry in follow(data, after):
                if "event" in entry:
                    after = entry["seq"]
                    _tell(entry, contact, json)
        while entries := answered(config, set, "journal", {"after": after})["entries"]:
            for entry in entries:
                after = entry["seq"]
                _tell(entry, contact, json)
    except NobodyThere as error:
        fail(NOT_RUNNING, str(error))
    except KeyboardInterrupt:
        return


def _tell(entry: dict[str, Any], contact: str | None, json: bool) -> None:
    line = orjson.dumps(entry).decode()
    if contact is None or f'"{contact}' in line:
        typer.echo(line if json else as_line(entry))


def _show(shown: Answer, json: bool) -> None:
    if json:
        _say(shown)
    else:
        console().print(tables(shown))


def _say(shown: Answer) -> None:
    typer.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
