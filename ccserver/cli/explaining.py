"""Why a contact went where it went: read from the journal, whether a server runs or not."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from actors.ids import ContactId, owner_of
from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, Config, Json, Set, data_of, fail
from ccserver.cli.tables import console
from ccserver.journal.reading import read_why
from ccserver.journal.storage import JournalError
from ccserver.journal.why import Moment, Verdict, Why

_ON = {
    "contact": "the contact began to wait",
    "agent": "the agent became available",
    "time": "a ring began, or its outside router was silent",
    "room": "the queue may have one agent more",
    "policy": "the rules changed",
    "router": "its outside router has gone",
    "now": "it waits",
}

Contact = Annotated[str, typer.Argument(metavar="CONTACT", help="As ccserver events shows it.")]


def why(
    contact: Contact,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Say why a contact went where it went: each decision, and a verdict on every agent.

    From the journal alone; every decision is computed again, and one that does not follow from the
    rules of its time is named.
    """
    _show(_read(config, changes, contact, None), json)


def why_not(
    contact: Contact,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id, as 1001.")],
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Say why a contact did not go to this agent: the verdict on him at each decision, and now."""
    _show(_read(config, changes, contact, agent), json)


def _read(config: Path, overrides: list[str] | None, contact: str, agent: str | None) -> Why:
    present = int(time.time() * 1e6)
    try:
        found = read_why(data_of(config, overrides), contact, present, agent)
    except JournalError as error:
        fail(REFUSED, str(error))
    if found is None:
        fail(REFUSED, f"no contact {contact} in the journal")
    return found


def _show(found: Why, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        explain(found)


def explain(found: Why, zone: tzinfo | None = None) -> None:
    """For people; ``zone``: in which times are shown, None: this machine's."""
    out = console()
    out.print(f"contact {found.contact}", highlight=False)
    for line in found.story:
        out.print(f"  {_clock(line.at, zone)}  {line.text}", highlight=False, markup=False)
    for number, moment in enumerate(found.moments, start=1):
        out.print()
        out.print(_title(number, moment, found.contact, zone), highlight=False, markup=False)
        out.print(_table("agent", moment.agents))
        if len(moment.contacts) > 1:
            out.print(_table("contact", moment.contacts))
    if not found.moments:
        out.print("  no decision on it", highlight=False)


def _title(number: int, moment: Moment, contact: str, zone: tzinfo | None) -> str:
    what = f"{moment.agent} was given {_which(moment, contact)}" if moment.agent else "not given"
    because = _ON.get(moment.on, moment.on)
    if moment.by is not None:
        because = f"{moment.by} assigned it"
    said = [
        f"{number}. {_clock(moment.at, zone)}  {what}: {because}",
        f"   {moment.queue} asks for {moment.asks or '?'}; waited {moment.waited:.1f} s;"
        f" configuration {moment.version}",
    ]
    if moment.agrees is False:
        said.append("   NOT what follows from the rules and from what the journal says")
    return "\n".join(said)


def _which(moment: Moment, contact: str) -> str:
    """``it``, with the name of the request where that is not the contact's first."""
    given = str(moment.given)
    if owner_of(ContactId(given)) != contact:
        return given
    return "it" if given == contact else f"it (request {given})"


def _table(who: str, verdicts: Iterable[Verdict]) -> Table:
    table = Table("place", who, "verdict", "because")
    for one in verdicts:
        place = "" if one.place is None else str(one.place)
        verdict = one.verdict.replace("_", " ").lower()
        table.add_row(*map(Text, (place, one.id, verdict, one.because)))
    return table


def _clock(at: int, zone: tzinfo | None) -> str:
    shown = datetime.fromtimestamp(at // 1_000_000, zone)
    return f"{shown:%H:%M:%S}.{at // 1000 % 1000:03d}"
