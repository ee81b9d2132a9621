"""What one sees of a running server: its state, live, and what has happened."""

from __future__ import annotations

import sys
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
    changes: Set = None,
    json: Json = False,
    once: Annotated[bool, typer.Option("--once", help="Show it once, and end.")] = False,
) -> None:
    """Show agents and queues; in a terminal live, until Ctrl-C."""
    screen = console()
    shown = answered(config, changes, "status")
    if json:
        _say(shown)
    elif once or not screen.is_terminal:
        screen.print(tables(_glance(shown)))
    else:
        _watch(screen, data_of(config, changes), shown)


def _glance(status: Answer) -> Answer:
    """Without what is of use only to who commands."""
    agents = {
        name: {key: value for key, value in agent.items() if key not in ("version", "allowed")}
        for name, agent in status["agents"].items()
    }
    return {**status, "agents": agents}


def _watch(screen: Console, data: Path, shown: Answer) -> None:
    with Live(tables(_glance(shown)), console=screen, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(BETWEEN)
                try:
                    answer = ask(data, "status")
                    shown = {k: answer[k] for k in shown}
                    live.update(tables(_glance(shown)), refresh=True)
                except (NobodyThere, KeyError):
                    live.update(
                        Group(tables(_glance(shown)), "The server does not answer."), refresh=True
                    )
        except KeyboardInterrupt:
            return


def agents(config: Config = DEFAULT_CONFIG, changes: Set = None, json: Json = False) -> None:
    """Show who the agents are and what they do."""
    _show(answered(config, changes, "agents"), json)


def queues(config: Config = DEFAULT_CONFIG, changes: Set = None, json: Json = False) -> None:
    """Show who waits where."""
    _show(answered(config, changes, "queues"), json)


def waiting(
    queue: Annotated[str, typer.Argument(metavar="QUEUE")],
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Show who waits in a queue, who is available, and to whom each could be assigned."""
    shown = answered(config, changes, "queue.waiting", {"queue": queue})
    kept = {name: shown[name] for name in ("contacts", "agents")}
    _show(shown if json else kept, json)


def contacts(config: Config = DEFAULT_CONFIG, changes: Set = None, json: Json = False) -> None:
    """Show the contacts that are there now."""
    shown = answered(config, changes, "contacts")
    _show(shown if json else {"contacts": [_brief(one) for one in shown["contacts"]]}, json)


def _brief(contact: dict[str, Any]) -> dict[str, Any]:
    """What fits in a row."""
    conversation = contact["conversation"] or {}
    kept = {name: contact[name] for name in ("queue", "agent", "entry_point", "since")}
    return {"id": contact["id"], "state": conversation.get("state") or contact["state"], **kept}


def show_contact(
    contact: Annotated[str, typer.Argument(metavar="ID")],
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Show one contact, living or gone: its legs side by side, and all that happened."""
    shown = answered(config, changes, "contact", {"contact": contact})
    if json:
        _say(shown)
        return
    screen = console()
    if shown["state"] is not None:
        state = {k: v for k, v in shown["state"].items() if k != "conversation"}
        screen.print(tables({"contact": [{"id": contact, **state}]}))
        conversation = shown["state"].get("conversation")
        if conversation is not None:
            named = {f"conversation: {conversation['state']}": conversation["participants"]}
            screen.print(tables(named))
    screen.print(ladder(shown["timeline"]))


def events(
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    follow_: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as they come, until Ctrl-C.")
    ] = False,
    after: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Behind this number; else all, or the last 20 first."
        ),
    ] = None,
    contact: Annotated[str | None, typer.Option(metavar="ID", help="Only of this one.")] = None,
    json: Json = False,
) -> None:
    """Show what happens, as the journal has it; where nobody looks, one JSON object a line."""
    data = data_of(config, changes)
    json = json or not sys.stdout.isatty()
    if after is None:
        last = answered(config, changes, "journal", {"limit": 0})["last"]
        after = max(0, last - LAST) if follow_ else 0
    try:
        while follow_:
            for entry in follow(data, after):
                if "event" in entry:
                    after = entry["seq"]
                    _tell(entry, contact, json)
        while entries := answered(config, changes, "journal", {"after": after})["entries"]:
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
        print(line if json else as_line(entry), flush=True)


def _show(shown: Answer, json: bool) -> None:
    if json:
        _say(shown)
    else:
        console().print(tables(shown))


def _say(shown: Answer) -> None:
    typer.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
