"""``ccserver-load``: callers and agents for a server under test.

Exit status: 0 the objectives are met; 1 they are not; 2 the scenario or the command is wrong; 3 the
server cannot be used, or died; 4 nothing is proved, for the generator was the bottleneck.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, NoReturn

import msgspec
import typer

from ccserver.cli.asking import several
from ccserver.settings import ConfigurationError
from loadtest import comparison
from loadtest import result as results
from loadtest.display import show, tell
from loadtest.engine import CannotStart
from loadtest.html import search_page, to_html
from loadtest.junit import of_a_false_start, to_junit
from loadtest.realtime import ask_for_priority
from loadtest.result import Found, Result
from loadtest.scenario.load import load
from loadtest.scenario.model import Scenario
from loadtest.searching import Search, to_json
from loadtest.session import Display, perform
from loadtest.summary import to_text

PASSED, FAILED, WRONG, NO_SERVER, UNPROVED = range(5)
STATUS = {"passed": PASSED, "failed": FAILED, "died": NO_SERVER, "unproved": UNPROVED}

RESULT, REPORT, JUNIT = "result.json", "report.html", "junit.xml"

app = typer.Typer(
    help="Callers and agents, as many as you like, for a SIP server under test.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)

File = Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario, a TOML file.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="In place of what SCENARIO says.  Repeatable."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write result.json, report.html, junit.xml there."),
]
Realtime = Annotated[
    bool, typer.Option("--realtime", help="Ask the system for priority over other programs.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing while it runs.")]


@app.command()
def run(
    scenario: File,
    changes: Set = None,
    out: Out = None,
    quiet: Quiet = False,
    realtime: Realtime = False,
) -> None:
    """Run a scenario; the exit status says whether its objectives are met."""
    wanted = _loaded(scenario, changes)
    _prepare(out)
    _prioritise(realtime)
    try:
        found = perform(wanted, scenario.parent, _display(quiet))
    except CannotStart as error:
        if out is not None:
            (out / JUNIT).write_bytes(of_a_false_start(wanted.name, str(error)))
        _fail(NO_SERVER, str(error))
    typer.echo(to_text(found))
    if out is not None:
        _write(found, out)
    raise typer.Exit(STATUS[found.verdict])


@app.command()
def search(
    scenario: File,
    changes: Set = None,
    out: Out = None,
    quiet: Quiet = False,
    realtime: Realtime = False,
) -> None:
    """Find the highest rate of calls that holds the scenario's objectives."""
    wanted = _loaded(scenario, changes)
    if not wanted.objectives:
        _fail(WRONG, f"{scenario}: expected at least one objective to search by")
    _prepare(out)
    _prioritise(realtime)
    searching = Search(wanted, scenario.parent)
    try:
        for trial, result in searching.trials(_display(quiet)):
            typer.echo(f"{trial.rate:g}/s {'holds' if trial.held else 'FAILS'}: {trial.why}")
            if out is not None:
                _write(result, out / trial.directory)
    except CannotStart as error:
        _fail(NO_SERVER, str(error))
    found = searching.found
    if out is not None:
        (out / "search.json").write_bytes(to_json(found))
        (out / "search.html").write_text(search_page(found), encoding="utf-8")
    _conclude(found, wanted, searching.broken_by)


def _read(path: Path) -> Result:
    try:
        return results.read(path)
    except (OSError, msgspec.DecodeError) as error:
        why = getattr(error, "strerror", None) or error
        _fail(WRONG, f"{path}: expected the result.json of a run: {why}")


def _conclude(found: Found, wanted: Scenario, broken_by: str | None) -> None:
    """Say what was found, and end.  ``broken_by``: the verdict after which no more was tried."""
    told = "not even the lowest rate holds" if found.rate is None else f"{found.rate:g} calls/s"
    typer.echo(f"highest rate that holds the objectives: {told}")
    if found.ended is not None:
        typer.echo(f"note: the search ended: {found.ended}")
    least = wanted.search.at_least
    met = found.rate is not None and (least is None or found.rate >= least)
    if least is not None:
        typer.echo(f"{'met   ' if met else 'MISSED'} search.at_least: {least:g}")
    if broken_by == "died" or (broken_by == "unproved" and not met):
        raise typer.Exit(STATUS[broken_by])
    raise typer.Exit(PASSED if met else FAILED)


@app.command()
def check(scenario: File, changes: Set = None) -> None:
    """Say everything that is wrong with a scenario, with line and expectation."""
    wanted = _loaded(scenario, changes)
    recording = wanted.arrivals.recorded
    parts = (
        f"{several(len(wanted.callers.kinds), 'kind')} of callers",
        several(wanted.agents.count, "agent"),
        f"{wanted.seconds:g} s" if recording is None else f"the calls of {recording}",
        several(len(wanted.objectives), "objective"),
    )
    typer.echo(f"{scenario}: good ({', '.join(parts)})")


@app.command()
def report(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="The result.json of a run.")],
    out: Out = None,
    against: Annotated[
        Path | None, typer.Option(metavar="RESULT", help="An earlier result, to compare it with.")
    ] = None,
) -> None:
    """Say again what a run found, write its pages anew, and compare it with another."""
    found = _read(result)
    if out is not None:
        _write(found, out)
    typer.echo(to_text(found))
    if against is not None:
        earlier = _read(against)
        typer.echo(comparison.to_text(comparison.compare(earlier, found)))
        for text in comparison.different(earlier, found):
            typer.echo(f"note: not the same scenario: {text}")
    raise typer.Exit(STATUS[found.verdict])


def _display(quiet: bool) -> Display | None:
    if quiet:
        return None
    return show if sys.stderr.isatty() else tell


def _prioritise(wanted: bool) -> None:
    if wanted and not ask_for_priority():
        _fail(WRONG, "--realtime: the system does not let us (CAP_SYS_NICE)")


def _loaded(scenario: Path, overrides: list[str] | None) -> Scenario:
    try:
        return load(scenario, overrides or [])
    except ConfigurationError as error:
        count = len(error.problems)
        _fail(WRONG, f"the scenario has {count} error{'s' * (count > 1)}\n{error}")


def _prepare(directory: Path | None) -> None:
    """Before the run: an hour later is too late to hear that its result has no place.  That of an
    earlier one goes, so that nobody takes it for this one's.
    """
    if directory is None:
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in (RESULT, REPORT, JUNIT):
            (directory / name).unlink(missing_ok=True)
        with TemporaryFile(dir=directory):
            pass
    except OSError as error:
        _cannot_write(directory, error)


def _write(found: Result, directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / RESULT).write_bytes(results.to_json(found))
        (directory / REPORT).write_text(to_html(found), encoding="utf-8")
        (directory / JUNIT).write_bytes(to_junit(found))
    except OSError as error:
        _cannot_write(directory, error)


def _cannot_write(directory: Path, error: OSError) -> NoReturn:
    _fail(WRONG, f"--out {directory}: expected a directory that can be written: {error.strerror}")


def _fail(status: int, text: str) -> NoReturn:
    print(f"ccserver-load: {text}", file=sys.stderr)
    raise typer.Exit(status)


def main() -> None:
    app()
