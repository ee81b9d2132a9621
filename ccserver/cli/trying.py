"""``ccserver try`` and ``ccserver check --tests``: a configuration held against trials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, WRONG, Config, Json, Set, fail, loaded
from ccserver.cli.explaining import explain
from ccserver.settings import ConfigurationError, Settings
from ccserver.trials.model import Read, read_trial
from ccserver.trials.outcome import Told, tried

Trials = Annotated[
    list[Path], typer.Argument(metavar="TRIAL...", help="TOML files: docs/why.md says how.")
]


def try_(
    trials: Trials,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Say what would happen to callers by a configuration, and why; nobody is called.

    Exit status 1: what a trial expects is not so.
    """
    settings = loaded(config, changes).settings
    as_expected = True
    for path in trials:
        read = _read(path, settings)
        every = tried(settings, read.trial)
        as_expected = as_expected and not any(told.wrong for told in every)
        if json:
            shown = {"trial": str(path), "about": read.trial.about, "callers": every}
            typer.echo(msgspec.json.format(msgspec.json.encode(shown)).decode())
        else:
            _tell(read, every)
    if not as_expected:
        raise typer.Exit(REFUSED)


def check_all(directory: Path, settings: Settings) -> None:
    """Every ``*.toml`` of the directory; ends with status 1 if one of them is not as expected."""
    paths = sorted(directory.glob("*.toml"))
    if not paths:
        fail(WRONG, f"{directory}: expected trials, *.toml, found none")
    failed = 0
    for path in paths:
        every = tried(settings, _read(path, settings).trial)
        wrong = [f"{told.caller}: {text}" for told in every for text in told.wrong]
        failed += bool(wrong)
        typer.echo(f"{path}: {'; '.join(wrong) or 'as expected'}")
    if failed:
        fail(REFUSED, f"{failed} of {len(paths)} trials are not as expected")


def _read(path: Path, settings: Settings) -> Read:
    try:
        return read_trial(path, settings)
    except ConfigurationError as error:
        fail(WRONG, f"the trial is wrong\n{error}")


def _tell(read: Read, every: list[Told]) -> None:
    typer.echo(f"{read.path}: {read.trial.about}".removesuffix(": "))
    for told in every:
        typer.echo()
        explain(told.why, read.trial.at.tzinfo)
        for text in told.wrong:
            typer.echo(f"NOT AS EXPECTED: {told.caller}: {text}")
