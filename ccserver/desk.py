"""Commands about the work in hand: who is where, one contact's story, and every button of a
desktop as ``ccserver contact hold ID --as 1001``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from actors.commands import Principal
from actors.ids import AgentId
from ccserver.console import (
    DEFAULT_CONFIG,
    NOT_RUNNING,
    WRONG,
    Config,
    Set,
    ask_server,
    console_of,
    fail,
    load_settings,
    show,
    words,
)
from ccserver.door import NobodyThere, follow

contact = typer.Typer(help="One contact: its story, and what agents may do with it.")
Id = Annotated[
    str, typer.Argument(metavar="ID", help="The contact, as `ccserver contacts` has it.")
]
As = Annotated[str, typer.Option("--as", metavar="AGENT", help="On behalf of this agent.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
To = Annotated[
    str,
    typer.Option(
        metavar="KIND:NAME",
        help="agent:1002, queue:sales, entry_point:sales, number:0123 or directory:NAME.",
    ),
]
DESTINATIONS = {
    "agent": "agent",
    "queue": "queue",
    "entry_point": "entry_point",
    "number": "number",
    "directory": "name",
}


def add_to(app: typer.Typer) -> None:
    """The commands, among those of ``app``."""
    for name in ("agents", "queues", "contacts"):
        app.command(name, help=f"Show the {name} of the running server.")(_listing(name))
    app.command()(events)
    app.add_typer(contact, name="contact")


def _listing(name: str) -> Callable[..., None]:
    def listing(config: Config = DEFAULT_CONFIG, set: Set = None, json: Json = False) -> None:  # noqa: A002
        rows = ask_server(config, set, name)[name]
        if json:
            _print_json(rows)
        elif rows:
            show({name: [_contact(row) if name == "contacts" else _flat(row) for row in rows]})
        else:
            typer.echo(f"no {name}")

    return listing


def events(
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
    after: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Only those behind this one.")
    ] = None,
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with those that come.")
    ] = False,
) -> None:
    """Show the journal's events, one JSON object a line."""
    if not following:
        args = {} if after is None else {"after": after}
        for entry in ask_server(config, set, "journal", args)["entries"]:
            _print_line(entry)
        return
    data = Path(load_settings(config, set).settings.data.dir)
    try:
        for entry in follow(data, after):
            _print_line(entry)
    except NobodyThere as error:
        fail(NOT_RUNNING, str(error))
    except KeyboardInterrupt:
        return


@contact.command("show")
def show_contact(
    contact: Id,
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
    json: Json = False,
) -> None:
    """Show its state, who may do what now, and all that has happened to it."""
    answer = ask_server(config, set, "contact", {"contact": contact})
    if json:
        _print_json({key: answer[key] for key in ("id", "state", "timeline")})
        return
    state = answer.get("state")
    if state is None:
        typer.echo(f"contact {contact}: over")
    else:
        show({"contact": contact, **_flat(state)})
        conversation = state.get("conversation") or {}
        if conversation:
            show({"participants": [_flat(one) for one in conversation["participants"]]})
    _show_timeline(answer["timeline"])


def _button(op: str, text: str) -> None:
    """A command without arguments of its own."""

    def command(
        contact: Id,
        as_: As,
        config: Config = DEFAULT_CONFIG,
        set: Set = None,  # noqa: A002
    ) -> None:
        _do(config, set, op, contact, as_, {})

    contact.command(op.replace("_", "-"), help=text)(command)


def _sided(op: str, text: str) -> None:
    def command(
        contact: Id,
        as_: As,
        side: Annotated[str, typer.Option(help="customer or consult.")] = "customer",
        config: Config = DEFAULT_CONFIG,
        set: Set = None,  # noqa: A002
    ) -> None:
        _do(config, set, op, contact, as_, {"side": side})

    contact.command(op, help=text)(command)


_sided("hold", "Music for that side.")
_sided("resume", "Talk to that side; the other is held.")
_button("end_consult", "End the consult, or leave it as the one who was asked.")
_button("conference", "Join the consulted party to the call.")
_button("exit_conference", "Leave; the longest-present agent takes control.")
_button("end", "End the call; in a conference, a conferenced agent's own part.")
_button("stop_monitoring", "A supervisor leaves.")


@contact.command()
def consult(
    contact: Id,
    as_: As,
    to: To,
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
) -> None:
    """Talk to a further party apart; the customer is held."""
    _do(config, set, "consult", contact, as_, {"to": _destination(to)})


@contact.command()
def transfer(
    contact: Id,
    as_: As,
    to: Annotated[
        str | None,
        typer.Option(metavar="KIND:NAME", help="As for consult; without: to the consulted party."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
) -> None:
    """Hand the customer over."""
    args = {} if to is None else {"to": _destination(to)}
    _do(config, set, "transfer", contact, as_, args)


@contact.command()
def monitor(
    contact: Id,
    as_: As,
    mode: Annotated[str, typer.Option(help="listen, whisper or barge_in.")] = "listen",
    change: Annotated[bool, typer.Option("--change", help="Of one who listens already.")] = False,
    config: Config = DEFAULT_CONFIG,
    set: Set = None,  # noqa: A002
) -> None:
    """Call a supervisor's phone and let him hear the call."""
    op = "change_monitoring" if change else "monitor"
    _do(config, set, op, contact, as_, {"mode": mode}, role="supervisor")


def _do(
    config: Path,
    overrides: list[str] | None,
    op: str,
    contact: str,
    agent: str,
    args: dict[str, Any],
    role: Any = "agent",
) -> None:
    if op == "stop_monitoring":
        role = "supervisor"
    by = Principal(agent, role, AgentId(agent))
    full = {"contact": contact, **args}
    answer = ask_server(config, overrides, f"contact.{op}", full, by)
    allowed = words(answer.get("allowed") or ["nothing"])
    typer.echo(f"{agent}: {answer['state']}; allowed now: {allowed}")


def _destination(text: str) -> dict[str, str]:
    kind, colon, name = text.partition(":")
    if not colon or not name or kind not in DESTINATIONS:
        fail(WRONG, f'expected --to KIND:NAME, KIND one of {", ".join(DESTINATIONS)}; got "{text}"')
    return {"kind": kind, DESTINATIONS[kind]: name}


# --- showing ----------------------------------------------------------------------------------


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """What fits in a table's row."""
    return {
        key: words(value) if isinstance(value, list) else value
        for key, value in row.items()
        if not isinstance(value, dict) and value is not None
    }


def _contact(row: dict[str, Any]) -> dict[str, Any]:
    conversation = row.get("conversation") or {}
    shown = {"id": row["id"], "state": conversation.get("state") or row["state"]}
    return {**shown, **{key: row.get(key) for key in ("queue", "agent", "entry_point", "since")}}


def _show_timeline(entries: list[dict[str, Any]]) -> None:
    if not entries:
        return
    first = entries[0]["at"]
    table = Table("at", "after", "what", "details", title="timeline")
    for entry in entries:
        event = dict(entry["event"])
        what = str(event.pop("event"))
        event.pop("contact", None)
        at = time.strftime("%H:%M:%S", time.localtime(entry["at"] / 1e6))
        after = f"{(entry['at'] - first) / 1e6:.3f} s"
        table.add_row(at, after, what, _details(event))
    console_of().print(table)


def _details(event: dict[str, Any]) -> str:
    """The plain fields; what is nested has its place in ``--json``."""
    plain = {k: v for k, v in event.items() if isinstance(v, str | int | float | bool)}
    shown = (f"{k}={round(v, 3) if isinstance(v, float) else v}" for k, v in plain.items())
    return " ".join(shown)


def _print_json(value: Any) -> None:
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _print_line(entry: dict[str, Any]) -> None:
    typer.echo(orjson.dumps(entry).decode())
