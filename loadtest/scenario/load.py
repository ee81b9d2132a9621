"""A scenario from its file and ``--set``; all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ccserver.media.wav import BadPrompt, parse
from ccserver.settings.finding import Finding
from ccserver.settings.positions import Key, key_lines
from ccserver.settings.reading import ConfigurationError, Places, apply_changes, read, validated
from loadtest.arrivals import BadRecording, read_recording
from loadtest.scenario.model import Scenario


def load(path: Path, overrides: Iterable[str] = ()) -> Scenario:
    """``overrides`` are ``key=value``.  Raises ConfigurationError with every problem."""
    text, tree = read(path)
    places = Places(path, key_lines(text))
    problems = apply_changes(tree, overrides, {}, places, Scenario)
    scenario, findings, unsure = validated(tree, Scenario)
    if scenario is not None:
        wrong = {finding.key for finding in findings}
        findings += _check(scenario, path.parent, unsure, wrong)
    problems = [places.problem(finding) for finding in places.in_order(findings)] + problems
    if problems or scenario is None:
        raise ConfigurationError(problems)
    return scenario


def _check(
    scenario: Scenario, directory: Path, unsure: frozenset[str], wrong: set[Key]
) -> Iterator[Finding]:
    """What no single key can know.  ``wrong``: keys that are no more what the file says."""
    yield from _arrivals(scenario, directory)
    yield from _callers(scenario, unsure)
    yield from _agents(scenario)
    yield from _media(scenario, directory)
    yield from _api(scenario)
    lost = {key[:2] for key in wrong}
    for index, objective in enumerate(scenario.objectives):
        limits = sum(limit is not None for limit in (objective.at_most, objective.at_least))
        if limits != 1 and ("objectives", index) not in lost and "objectives" not in unsure:
            got = "both" if limits else "neither"
            yield Finding(("objectives", index), f"expected at_most or at_least, got {got}")
    if scenario.search.lowest > scenario.search.highest:
        text = f"expected at least search.lowest, which is {scenario.search.lowest:g}"
        yield Finding(("search", "highest"), f"{text}, got {scenario.search.highest:g}")


def _arrivals(scenario: Scenario, directory: Path) -> Iterator[Finding]:
    arrivals = scenario.arrivals
    if arrivals.process == "recorded":
        if arrivals.recorded is None:
            yield Finding(("arrivals", "process"), "expected arrivals.recorded to name a file")
            return
        try:
            read_recording(directory / arrivals.recorded)
        except BadRecording as error:
            yield Finding(("arrivals", "recorded"), str(error))
        return
    if not arrivals.phases:
        yield Finding(("arrivals", "phases"), "expected at least one phase")
    yield from _repeated(("arrivals", "phases"), [phase.name for phase in arrivals.phases])
    for index, phase in enumerate(arrivals.phases):
        if phase.steps > 1 and phase.from_rate is None:
            yield Finding(("arrivals", "phases", index, "steps"), "expected from_rate beside it")


def _callers(scenario: Scenario, unsure: frozenset[str]) -> Iterator[Finding]:
    callers = scenario.callers
    calls = any(phase.rate or phase.from_rate for phase in scenario.arrivals.phases)
    calls = calls or scenario.arrivals.process == "recorded"
    if calls and not callers.kinds and "callers" not in unsure:
        yield Finding(("callers", "kinds"), "expected at least one kind of caller")
    yield from _repeated(("callers", "kinds"), [kind.name for kind in callers.kinds])
    if callers.answered_by == "agent" and not scenario.agents.count:
        text = "expected agents.count of at least 1, for callers wait for an agent"
        yield Finding(("callers", "answered_by"), text)
    if (callers.user is None) != (callers.secret is None):
        missing = "secret" if callers.secret is None else "user"
        given = "user" if missing == "secret" else "secret"
        yield Finding(("callers", given), f"expected callers.{missing} beside it")
    for index, kind in enumerate(callers.kinds):
        if kind.keys and scenario.media.audio == "none":
            text = "expected media.audio beside it: keys are pressed in the audio"
            yield Finding(("callers", "kinds", index, "keys"), text)
        if kind.talk.form == "never":
            yield Finding(("callers", "kinds", index, "talk"), "expected a talk that ends")
    if scenario.waits_for_agents and "{" not in callers.number:
        text = "expected a number with {n}: it tells which agent's phone rings for whom"
        yield Finding(("callers", "number"), text)


def _agents(scenario: Scenario) -> Iterator[Finding]:
    agents = scenario.agents
    if (total := agents.ignores + agents.rejects + agents.hangs_up) > 1:
        text = f"expected ignores, rejects and hangs_up to be 1 or less in sum, got {total:g}"
        yield Finding(("agents", "ignores"), text)
    if agents.goes_idle and agents.idle_by == "dial":
        for name in ("dial_idle", "dial_available"):
            if getattr(agents, name) is None:
                yield Finding(("agents", "idle_by"), f"expected agents.{name} beside it")
    if agents.count > 1 and "{" not in agents.user:
        text = f"expected a name with {{n}}, so that each of {agents.count} phones has its own"
        yield Finding(("agents", "user"), f'{text}, got "{agents.user}"')


def _media(scenario: Scenario, directory: Path) -> Iterator[Finding]:
    media = scenario.media
    if media.audio != "file":
        return
    if media.file is None:
        yield Finding(("media", "audio"), "expected media.file to name a WAV file")
        return
    try:
        parse((directory / media.file).read_bytes())
    except BadPrompt as error:
        yield Finding(("media", "file"), str(error))
    except OSError as error:
        yield Finding(("media", "file"), f"expected a file that can be read: {error.strerror}")


def _api(scenario: Scenario) -> Iterator[Finding]:
    api = scenario.api
    if api is None:
        return
    shares = api.consults + api.transfers + api.conferences
    if shares > 1:
        text = "expected consults, transfers and conferences to be 1 or less in sum"
        yield Finding(("api", "consults"), f"{text}, got {shares:g}")
    if shares and api.to is None:
        yield Finding(("api",), "expected api.to: whom agents consult")


def _repeated(key: Key, names: list[str]) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Finding((*key, index, "name"), f'expected a name of its own, got "{name}" again')
