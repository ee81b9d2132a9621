"""What a run found, as it is written down: JSON that this module's classes read back."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ccserver.cli.asking import several
from loadtest.engine import Outcome
from loadtest.histogram import Latencies
from loadtest.own_load import OwnLoad
from loadtest.scenario.model import Objective, Scenario
from loadtest.scenario.values import LATENCIES, PERCENTILES, Spread
from loadtest.tally import Tally
from loadtest.watch import Sample, Watch

SECRETS = frozenset(("secret", "password"))
MOST_LATE = 0.01
"""Of our audio packets; more, and the reader is told."""


class Latency(Struct, frozen=True):
    """Seconds; ``at``: by percentile, as ``p99``."""

    count: int
    mean: float
    at: dict[str, float]


class Audio(Struct, frozen=True):
    """What all streams heard."""

    streams: int
    silent: int
    """Streams of a second or more in which nothing came; they are in none of the figures below."""
    packets: int
    lost_share: float
    jitter_p95_seconds: float
    mos_p5: float
    mos_min: float
    mos_mean: float
    late_share: float
    """Of our own packets, those sent more than 5 ms late."""


class Judged(Struct, frozen=True):
    """An objective and what became of it; ``found`` None: nothing was measured."""

    measure: str
    wanted: str
    found: float | None
    met: bool


class Point(Struct, frozen=True):
    """One interval, ``at`` seconds after the begin."""

    at: float
    started: int
    answered: int
    connected: int
    handled: int
    abandoned: int
    failed: int
    p50: dict[str, float]
    """Seconds, by latency; of the calls meant to begin in this interval."""
    p99: dict[str, float]


class AudioPoint(Struct, frozen=True):
    at: float
    """As `Sample` has it."""
    lost_share: float
    jitter: float
    """Seconds, the mean over the streams."""


Timed = TypeVar("Timed", Sample, AudioPoint)


class Result(Struct, frozen=True):
    scenario: str
    target: str
    began: str
    """ISO 8601, UTC."""
    machine: str
    seconds: float
    calling_seconds: float
    """For how long calls came."""
    interval: float
    """Seconds, of each point of the series."""
    calls: int
    """That counted, and are over."""
    unmeasured: int
    started: int
    connected: int
    most_at_once: int
    outcomes: dict[str, int]
    statuses: dict[str, int]
    latencies: dict[str, Latency]
    offers: dict[str, int]
    registrations_failed: dict[str, int]
    overtaken: int
    rung: int
    objectives: list[Judged]
    own: OwnLoad
    complaints: list[str]
    """What a reader must know before he believes the rest."""
    died: str | None
    """How the server ended, or that it was of no use."""
    wanted: dict[str, Any]
    """The scenario, every key of it, without its secrets."""
    series: list[Point]
    server: list[Sample]
    audio: Audio | None = None
    audio_series: list[AudioPoint] = []
    desk: dict[str, int] = {}
    """What agents did through the API, and how it went: ``consult done``."""

    @property
    def verdict(self) -> str:
        """``passed``, ``failed``, ``died`` or ``unproved``."""
        if self.died is not None:
            return "died"
        if all(judged.met for judged in self.objectives):
            return "passed"
        return "unproved" if self.own.complaint is not None else "failed"

    @property
    def offered_rate(self) -> float:
        """Calls a second that were begun, while calls came."""
        return self.started / self.calling_seconds if self.calling_seconds else 0.0


class Trial(Struct, frozen=True):
    rate: float
    """Calls a second."""
    held: bool
    why: str
    """What was missed, or that nothing was."""
    directory: str
    """Where its own report is, beside the search's."""


class Found(Struct, frozen=True):
    """``rate`` None: not even the lowest held.  ``ended``: why the search could not go on."""

    scenario: str
    rate: float | None
    trials: list[Trial]
    ended: str | None = None


def conclude(
    scenario: Scenario,
    outcome: Outcome,
    began: str,
    *,
    watch: Watch | None = None,
    audio: Audio | None = None,
    audio_series: list[AudioPoint] | None = None,
    complaints: list[str] | None = None,
) -> Result:
    tally, own = outcome.tally, outcome.own
    died = outcome.died
    if died is None and tally.failed == tally.calls > 0 and not tally.answered:
        counts = ", ".join(f"{name} {count}" for name, count in tally.outcomes.most_common())
        died = f"none of {tally.calls} calls was answered: {counts}"
    told = [*(complaints or []), *_complaints(scenario, outcome, watch, audio)]
    measured = measures(tally, audio)
    return Result(
        scenario=scenario.name,
        target=f"{scenario.target.transport}:{scenario.target.address}",
        began=began,
        machine=machine(),
        seconds=outcome.seconds,
        calling_seconds=outcome.calling_seconds,
        interval=tally.interval,
        calls=tally.calls,
        unmeasured=tally.unmeasured,
        started=tally.started,
        connected=tally.connected,
        most_at_once=tally.most_alive,
        outcomes=dict(tally.outcomes),
        statuses={str(status): count for status, count in sorted(tally.statuses.items())},
        latencies={name: _latency(found) for name, found in tally.latencies.items() if found.count},
        offers=dict(tally.offers),
        registrations_failed=dict(tally.registrations_failed),
        overtaken=tally.overtaken,
        rung=tally.rung,
        objectives=[judge(one, measured) for one in scenario.objectives],
        own=own,
        complaints=told,
        died=died,
        wanted=content_of(scenario),
        series=_series(tally),
        server=[_since(tally.begin, one) for one in watch.samples] if watch is not None else [],
        audio=audio,
        audio_series=[_since(tally.begin, one) for one in audio_series or ()],
        desk=outcome.desk,
    )


def _complaints(
    scenario: Scenario, outcome: Outcome, watch: Watch | None, audio: Audio | None
) -> Iterator[str]:
    """What the run itself gives a reader to know."""
    own, tally = outcome.own, outcome.tally
    if own.complaint is not None:
        yield own.complaint
    if outcome.stopped:
        yield f"stopped by hand after {outcome.calling_seconds:.0f} s of calls"
    if outcome.unregistered:
        yield f"{outcome.unregistered} of {scenario.agents.count} agents never registered"
    if outcome.without_desk:
        why = ", ".join(f"{reason}: {count}" for reason, count in outcome.without_desk.items())
        refused = f"{sum(outcome.without_desk.values())} of {scenario.agents.count} agents"
        yield f"{refused} could not sign in to the API: {why}"
    if unfinished := tally.outcomes["unfinished"]:
        yield (
            f"{unfinished} of {tally.calls} callers had not talked when the test ended: "
            "they count neither as failed nor as abandoned (unfinished_share)"
        )
    if audio is not None and audio.silent:
        yield f"{audio.silent} streams heard nothing at all"
    if audio is not None and audio.late_share > MOST_LATE:
        yield (
            f"{audio.late_share:.1%} of the generator's audio was sent late: "
            "jitter is partly its own"
        )
    if watch is not None and watch.unreadable:
        yield f"the server's metrics could not be read {several(watch.unreadable, 'time')}"


def _since(begin: float, one: Timed) -> Timed:
    """With its instant as seconds after the begin, as all of the series have it."""
    return msgspec.structs.replace(one, at=one.at - begin)


def content_of(scenario: Scenario) -> dict[str, Any]:
    """Every key with its value, defaults too, as JSON has it; asterisks stand for a secret."""
    return {str(key): _plain(str(key), value) for key, value in scenario.model_dump().items()}


def _plain(key: str, value: Any) -> Any:
    if key in SECRETS and value is not None:
        return "**********"
    if isinstance(value, dict):
        return {name: _plain(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(key, inner) for inner in value]
    return str(value) if isinstance(value, Spread) else value


def measures(tally: Tally, audio: Audio | None) -> dict[str, float]:
    """Whatever was measured, by the names that objectives have."""
    found: dict[str, float] = {}
    for name in LATENCIES:
        latencies = tally.latencies[name]
        for at, share in PERCENTILES.items():
            value = latencies.quantile(share)
            if value is not None:
                found[f"{name}_{at}_seconds"] = value
    if calls := tally.calls:
        found["failed_share"] = tally.failed / calls
        found["abandoned_share"] = tally.outcomes["abandoned"] / calls
        found["handled_share"] = tally.outcomes["handled"] / calls
        found["unfinished_share"] = tally.outcomes["unfinished"] / calls
    if tally.rung:
        found["overtaken_share"] = tally.overtaken / tally.rung
    if audio is not None and (audio.streams or audio.silent):
        found["rtp_silent_share"] = audio.silent / (audio.streams + audio.silent)
    if audio is not None and audio.streams:
        found["rtp_lost_share"] = audio.lost_share
        found["mos_min"], found["mos_p5"] = audio.mos_min, audio.mos_p5
        found["rtp_jitter_p95_seconds"] = audio.jitter_p95_seconds
    return found


def judge(objective: Objective, measured: dict[str, float]) -> Judged:
    """What was not measured is not met: a test that proves nothing must not pass."""
    found = measured.get(objective.measure)
    if objective.at_most is not None:
        wanted, met = f"<= {objective.at_most:g}", found is not None and found <= objective.at_most
    else:
        limit = objective.at_least or 0.0
        wanted, met = f">= {limit:g}", found is not None and found >= limit
    return Judged(objective.measure, wanted, found, met)


def machine() -> str:
    """This machine, in a line."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    except OSError:
        pass
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}, Python {version}"


def read(path: Path) -> Result:
    """Raises OSError or msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=Result)


def to_json(result: Result) -> bytes:
    return msgspec.json.format(msgspec.json.encode(result), indent=1)


def _latency(found: Latencies) -> Latency:
    at = {name: found.quantile(share) or 0.0 for name, share in PERCENTILES.items()}
    return Latency(found.count, found.mean or 0.0, at)


def _series(tally: Tally) -> list[Point]:
    return [
        Point(
            index * tally.interval,
            row.started,
            row.answered,
            row.connected,
            row.handled,
            row.abandoned,
            row.failed,
            {name: found.quantile(0.5) or 0.0 for name, found in row.latencies.items()},
            {name: found.quantile(0.99) or 0.0 for name, found in row.latencies.items()},
        )
        for index, row in enumerate(tally.rows)
    ]
