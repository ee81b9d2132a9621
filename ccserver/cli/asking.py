"""What every command of the command line has: a configuration, an answer, and an exit status."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from actors.commands import Principal
from ccserver.door import Answer, NobodyThere, ask
from ccserver.settings import ConfigurationError, Loaded, load

REFUSED, WRONG, NOT_RUNNING = 1, 2, 3
DEFAULT_CONFIG = Path("config/ccserver.toml")

Config = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, a TOML file.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="In place of what FILE says.  Repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def loaded(config: Path, overrides: list[str] | None) -> Loaded:
    """Says what is wrong with the configuration, and ends."""
    try:
        return load(config, overrides or [], os.environ)
    except ConfigurationError as error:
        fail(WRONG, f"the configuration has {several(len(error.problems), 'error')}\n{error}")


def data_of(config: Path, overrides: list[str] | None) -> Path:
    return Path(loaded(config, overrides).settings.data.dir)


def answered(
    config: Path,
    overrides: list[str] | None,
    op: str,
    args: dict[str, Any] | None = None,
    by: Principal | None = None,
) -> Answer:
    """What the running server answers; says why not, and ends."""
    try:
        answer = ask(data_of(config, overrides), op, args, principal=by)
    except NobodyThere as error:
        fail(NOT_RUNNING, str(error))
    if "refused" in answer:
        said = [str(answer["refused"])]
        said += [f"{key}: {words(answer[key])}" for key in ("state", "detail") if answer.get(key)]
        said += [f"{key}: {value}" for key, value in answer.get("details", {}).items()]
        if answer.get("field"):
            said.append(f"argument: {answer['field']}")
        if answer.get("allowed"):
            said.append(f"allowed now: {words(answer['allowed'])}")
        wrong = [f"{e['place']}: {e['field']}: {e['detail']}" for e in answer.get("errors", ())]
        fail(REFUSED, "\n".join(["refused: " + "; ".join(said), *wrong]))
    return {key: value for key, value in answer.items() if key not in ("id", "ok")}


def words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def several(count: int, what: str) -> str:
    """``1 trunk``, ``2 trunks``, ``58,000 events``."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def fail(status: int, text: str) -> NoReturn:
    print(f"ccserver: {text}", file=sys.stderr)
    raise typer.Exit(status)
