"""What one commands a running server: agents, and contacts in an agent's name."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from actors.commands import Principal
from actors.ids import AgentId
from ccserver.cli.asking import DEFAULT_CONFIG, WRONG, Config, Set, answered, fail, words
from ccserver.cli.looking import show_contact

contact = typer.Typer(
    help="Show a contact, or command it in an agent's name.", no_args_is_help=True
)
contact.command("show")(show_contact)


class Action(StrEnum):
    AVAILABLE = "available"
    IDLE = "idle"
    SIGN_OUT = "sign-out"
    END_WRAP_UP = "end-wrap-up"


class Side(StrEnum):
    CUSTOMER = "customer"
    CONSULT = "consult"


class Mode(StrEnum):
    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE_IN = "barge_in"


class TargetKind(StrEnum):
    AGENT = "agent"
    TEAM = "team"
    QUEUE = "queue"


MINUTE = "%Y-%m-%dT%H:%M"
"""Of this machine's clock."""
_OPERATIONS = {
    Action.AVAILABLE: "agent.set_available",
    Action.IDLE: "agent.set_idle",
    Action.SIGN_OUT: "agent.sign_out",
    Action.END_WRAP_UP: "agent.end_wrap_up",
}
_FIELD = {"agent": "agent", "queue": "queue", "entry_point": "entry_point", "number": "number"}
_FIELD["directory"] = "name"

ContactId = Annotated[str, typer.Argument(metavar="ID", help="As ccserver contacts shows it.")]
As = Annotated[str, typer.Option("--as", metavar="AGENT", help="In whose name.")]
To = Annotated[
    str,
    typer.Option(
        metavar="KIND:NAME",
        help="agent:1002, queue:sales, entry_point:support, number:+4930123 or directory:NAME.",
    ),
]


def agent(
    agent: Annotated[str, typer.Argument(metavar="ID", help="The agent, as 1001.")],
    action: Annotated[Action, typer.Argument()],
    code: Annotated[
        str | None, typer.Argument(help="Idle: why.  End-wrap-up: what came of it.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Change an agent's state in the running server."""
    args = {"agent": agent}
    if code is not None:
        if action not in (Action.IDLE, Action.END_WRAP_UP):
            fail(WRONG, f"{action} takes no code")
        args["code"] = code
    elif action is Action.IDLE:
        fail(WRONG, "expected an idle code, as: ccserver agent 1001 idle lunch")
    answer = answered(config, changes, _OPERATIONS[action], args)
    state = answer.get("state")
    more = [str(answer[key]) for key in ("code", "pending") if answer.get(key)]
    typer.echo(f"agent {agent}: {' '.join([str(state), *more])}")


def call(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As the dial plan has it.")],
    as_: As,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Call a number in an agent's name: his phone rings, then the number's."""
    args = {"agent": as_, "number": number}
    answer = answered(config, changes, "agent.call", args, _principal(as_))
    typer.echo(f"contact {answer['contact']}: agent {as_}'s phone is being called")


@contact.command()
def hold(
    name: ContactId,
    as_: As,
    side: Side = Side.CUSTOMER,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Music for that side."""
    _command(config, changes, "contact.hold", name, as_, {"side": side})


@contact.command()
def resume(
    name: ContactId,
    as_: As,
    side: Side = Side.CUSTOMER,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Talk to that side."""
    _command(config, changes, "contact.resume", name, as_, {"side": side})


@contact.command()
def consult(
    name: ContactId,
    to: To,
    as_: As,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Ask somebody, while the customer hears music."""
    _command(config, changes, "contact.consult", name, as_, {"to": destination(to)})


@contact.command("end-consult")
def end_consult(
    name: ContactId,
    as_: As,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """By who asked, or by who was asked."""
    _command(config, changes, "contact.end_consult", name, as_)


@contact.command()
def conference(
    name: ContactId,
    as_: As,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Join the consulted party to the conversation."""
    _command(config, changes, "contact.conference", name, as_)


@contact.command()
def assign(
    name: ContactId,
    as_: As,
    agent: Annotated[str, typer.Option("--to", metavar="AGENT", help="Who is to have it.")],
    force: Annotated[
        bool, typer.Option("--force", help="Whatever the queue asks of an agent.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Give a waiting contact to an agent, whomever its queue would choose."""
    args = {"contact": name, "agent": agent, "force": force}
    by = _principal(as_, supervisor=True)
    answer = answered(config, changes, "contact.assign", args, by)
    typer.echo(f"contact {name}: assigned to {answer['agent']}, out of {answer['queue']}")


@contact.command()
def transfer(
    name: ContactId,
    as_: As,
    to: Annotated[
        str | None,
        typer.Option(metavar="KIND:NAME", help="As for consult; none: to the consulted party."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Hand it over: to the consulted party, or blind."""
    args = {} if to is None else {"to": destination(to)}
    _command(config, changes, "contact.transfer", name, as_, args)


@contact.command("exit-conference")
def exit_conference(
    name: ContactId,
    as_: As,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Leave; the agent who has been in it for longest takes control."""
    _command(config, changes, "contact.exit_conference", name, as_)


@contact.command()
def end(
    name: ContactId,
    as_: As,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """End the call; in a conference, the agent's own part."""
    _command(config, changes, "contact.end", name, as_)


@contact.command()
def monitor(
    name: ContactId,
    as_: As,
    mode: Mode = Mode.LISTEN,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Call a supervisor's phone, and join it."""
    _command(config, changes, "contact.monitor", name, as_, {"mode": mode}, supervisor=True)


@contact.command("change-monitoring")
def change_monitoring(
    name: ContactId,
    as_: As,
    mode: Mode,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Listen, whisper or barge in."""
    args = {"mode": mode}
    _command(config, changes, "contact.change_monitoring", name, as_, args, supervisor=True)


@contact.command("stop-monitoring")
def stop_monitoring(
    name: ContactId,
    as_: As,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Listen no more."""
    _command(config, changes, "contact.stop_monitoring", name, as_, supervisor=True)


def monitor_target(
    kind: TargetKind,
    target: Annotated[str, typer.Argument(metavar="NAME")],
    as_: As,
    mode: Mode = Mode.LISTEN,
    every: Annotated[
        bool, typer.Option("--every", help="Every call, and not the next one.")
    ] = False,
    begins: Annotated[
        datetime | None, typer.Option(formats=[MINUTE], help="Every call from then on.")
    ] = None,
    ends: Annotated[datetime | None, typer.Option(formats=[MINUTE], help="Until then.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Want it no more.")] = False,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Call a supervisor when an agent, a team or a queue has its next conversation."""
    args: dict[str, Any] = {"kind": kind, "target": target}
    if not cancel:
        args |= {"mode": mode, "continuous": every}
        times = {"begins": begins, "ends": ends}
        args |= {name: round(at.timestamp() * 1e6) for name, at in times.items() if at is not None}
    op = "monitor.cancel" if cancel else "monitor.request"
    answer = answered(config, changes, op, args, _principal(as_, supervisor=True))
    wanted = [f"{wish['kind']} {wish['target']} ({wish['mode']})" for wish in answer["wishes"]]
    typer.echo(f"agent {as_} waits for: {words(wanted) or 'nothing'}")


def destination(text: str) -> dict[str, str]:
    """``agent:1002`` as the door has it; says what was expected, and ends."""
    kind, _, name = text.partition(":")
    if kind not in _FIELD or not name:
        fail(WRONG, f'expected --to KIND:NAME, KIND one of {", ".join(_FIELD)}; got "{text}"')
    return {"kind": kind, _FIELD[kind]: name}


def _principal(name: str, *, supervisor: bool = False) -> Principal:
    user = f"operator as {name}"
    return Principal(user, "supervisor" if supervisor else "agent", AgentId(name))


def _command(
    config: Path,
    overrides: list[str] | None,
    op: str,
    name: str,
    as_: str,
    args: dict[str, Any] | None = None,
    *,
    supervisor: bool = False,
) -> None:
    by = _principal(as_, supervisor=supervisor)
    answer = answered(config, overrides, op, {"contact": name, **(args or {})}, by)
    allowed = words(answer["allowed"]) or "nothing"
    typer.echo(f"{as_}: {answer['state']}; allowed now: {allowed}")
