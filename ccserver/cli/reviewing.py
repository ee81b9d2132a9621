"""``ccserver at``: the centre as it was, from the journal, whether a server runs or not."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Any

import msgspec
import orjson
import typer

from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, WRONG, Config, Json, Set, data_of, fail
from ccserver.cli.tables import console, tables
from ccserver.journal.hindsight import CentreThen, centre_at
from ccserver.journal.live import shown_queue
from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.storage import JournalError

_HIDDEN = ("version", "allowed")
"""Of use only to who commands."""


def at(
    when: Annotated[
        str,
        typer.Argument(
            metavar="WHEN",
            help="14:03:27 of today, or 2026-03-02T14:03:27; by this machine's time zone,"
            " or with an offset, as +01:00.",
        ),
    ],
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Show the centre as it was: agents, queues, and the contacts that were there."""
    instant = _instant(when, datetime.now().astimezone())
    try:
        journal = JournalFile(data_of(config, changes) / JOURNAL)
        then = centre_at(journal, int(instant.timestamp() * 1e6), journal.checkpoint())
    except JournalError as error:
        fail(REFUSED, str(error))
    if not then.at:
        fail(REFUSED, f"{instant:%Y-%m-%d %H:%M:%S}: the journal begins later")
    if json:
        typer.echo(orjson.dumps(_all(then), option=orjson.OPT_INDENT_2).decode())
    else:
        console().print(_title(instant, then), highlight=False)
        console().print(tables(_brief(then)))


def _instant(text: str, now: datetime) -> datetime:
    """Says what is wrong with it, and ends."""
    try:
        instant = datetime.combine(now.date(), time.fromisoformat(text))
    except ValueError:
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            fail(WRONG, f"WHEN: expected 14:03:27 or 2026-03-02T14:03:27, found {text!r}")
    instant = instant.astimezone(instant.tzinfo)
    if instant > now:
        fail(WRONG, f"WHEN: {instant:%Y-%m-%d %H:%M:%S} is yet to come")
    return instant


def _title(instant: datetime, then: CentreThen) -> str:
    last = datetime.fromtimestamp(then.at / 1e6, instant.tzinfo)
    ran = "" if then.ran else "  No server ran then; so it had ended:"
    clock = f"{last:%Y-%m-%d %H:%M:%S}.{last.microsecond // 1000:03d}"
    return f"{instant:%Y-%m-%d %H:%M:%S}, after event {then.live.seq} of {clock}.{ran}"


def _brief(then: CentreThen) -> dict[str, Any]:
    """What fits in tables; who was there first comes first."""
    shown = _all(then)
    return {
        "agents": {
            name: {key: value for key, value in agent.items() if key not in _HIDDEN}
            for name, agent in shown["agents"].items()
        },
        "queues": shown["queues"],
        "contacts": [
            {
                "id": name,
                "state": (contact["conversation"] or contact)["state"],
                **{key: contact[key] for key in ("queue", "agent", "ani", "since")},
            }
            for name, contact in shown["contacts"].items()
        ],
    }


def _all(then: CentreThen) -> dict[str, Any]:
    live = then.live
    return {
        "seq": live.seq,
        "at": then.at,
        "ran": then.ran,
        "agents": msgspec.to_builtins(live.agents),
        "queues": {name: shown_queue(queue) for name, queue in live.queues.items()},
        "contacts": msgspec.to_builtins(live.contacts),
    }
