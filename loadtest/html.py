"""The result as one HTML page without anything from elsewhere: figures, objectives, charts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from html import escape

import msgspec

from ccserver.drawing.page import page, section, table
from ccserver.drawing.svg import Line, chart
from loadtest.result import Found, Point, Result
from loadtest.summary import VERDICTS, milliseconds
from loadtest.watch import Sample


def to_html(result: Result) -> str:
    parts = [*_head(result), *_objectives(result), *_calls(result), *_charts(result)]
    parts += _scenario(result)
    return page(f"{result.scenario}: {result.verdict}", parts)


def search_page(found: Found) -> str:
    """The rates that a search tried, each with a link to its own report."""
    parts = [f"<h1>Search: {escape(found.scenario)}</h1>"]
    told = "not even the lowest holds" if found.rate is None else f"{found.rate:g} calls a second"
    parts.append(f"<p>The highest rate that holds the objectives: <b>{told}</b>.</p>")
    if found.ended is not None:
        parts.append(f'<p class="note">The search ended: {escape(found.ended)}</p>')
    parts.append('<table class="words"><tr><th>calls a second</th><th></th><th></th></tr>')
    for trial in found.trials:
        link = f'<a href="{escape(trial.directory)}/report.html">{trial.rate:g}</a>'
        kind, word = ("", "holds") if trial.held else (' class="missed"', "fails")
        cells = f"<td>{link}</td><td>{word}</td><td>{escape(trial.why)}</td>"
        parts.append(f"<tr{kind}>{cells}</tr>")
    parts.append("</table>")
    return page(f"{found.scenario}: search", parts)


def _head(result: Result) -> Iterator[str]:
    yield f"<h1>Load test: {escape(result.scenario)}</h1>"
    yield f'<p><span class="verdict {result.verdict}">{escape(VERDICTS[result.verdict])}</span></p>'
    yield f"<p>{escape(result.target)}, {escape(result.began)}, {result.seconds:.0f} s. "
    yield f"Generator on {escape(result.machine)}.</p>"
    if result.died is not None:
        yield f'<p class="note">The server: {escape(result.died)}.</p>'
    for complaint in result.complaints:
        yield f'<p class="note">{escape(complaint)}</p>'


def _objectives(result: Result) -> Iterator[str]:
    if not result.objectives:
        return
    rows = [
        (
            judged.measure,
            judged.wanted,
            "not measured" if judged.found is None else f"{judged.found:.6g}",
            "met" if judged.met else "missed",
        )
        for judged in result.objectives
    ]
    yield "<h2>Objectives</h2>"
    yield from table(("measure", "wanted", "found", ""), rows)


def _calls(result: Result) -> Iterator[str]:
    yield "<h2>Calls</h2>"
    yield (
        f"<p>{result.started} started at {result.offered_rate:.1f} a second, "
        f"{result.most_at_once} at once at most; {result.calls} counted, "
        f"{result.unmeasured} of the warm-up.</p>"
    )
    outcomes = [(name, str(count)) for name, count in sorted(result.outcomes.items())]
    outcomes += [(f"refused with {status}", str(n)) for status, n in result.statuses.items()]
    yield from table(("outcome", "calls"), outcomes)
    if result.offers:
        offers = [(name, str(count)) for name, count in sorted(result.offers.items())]
        yield from table(("agents' phones", "calls"), offers)
    if result.desk:
        yield from table(("desktops", ""), [(n, str(c)) for n, c in sorted(result.desk.items())])
    if result.latencies:
        names = list(next(iter(result.latencies.values())).at)
        yield "<h2>Latencies, ms, from the intended start</h2>"
        yield from table(
            ("", "count", "mean", *names),
            [
                (
                    name,
                    str(latency.count),
                    milliseconds(latency.mean),
                    *(milliseconds(latency.at[at]) for at in names),
                )
                for name, latency in result.latencies.items()
            ],
        )
    if result.rung:
        yield f"<p>{result.overtaken} of {result.rung} were rung for before an earlier caller.</p>"
    if (audio := result.audio) is not None and audio.streams:
        yield "<h2>Audio, at the far end</h2>"
        row = (
            str(audio.streams),
            str(audio.packets),
            f"{audio.lost_share:.3%}",
            f"{audio.jitter_p95_seconds * 1e3:.1f} ms",
            f"{audio.mos_mean:.2f}",
            f"{audio.mos_p5:.2f}",
            f"{audio.mos_min:.2f}",
        )
        head = ("streams", "packets", "lost", "jitter p95", "MOS mean", "MOS p5", "MOS min")
        yield from table(head, [row])


def _charts(result: Result) -> Iterator[str]:
    """All over the same time, from 0, when calls began to come: one below the other they compare.

    What was before, while agents registered, is left of it.
    """
    instants = [
        one.at for series in (result.series, result.server, result.audio_series) for one in series
    ]
    draw = partial(chart, first=min([0.0, *instants]), last=max([0.0, *instants]))
    per_second = 1 / result.interval

    def rate(name: str, value: Callable[[Point], int]) -> Line:
        return Line(name, [(point.at, value(point) * per_second) for point in result.series])

    yield from section(
        "Calls a second",
        draw(
            [
                rate("arrivals", lambda point: point.started),
                rate("answered", lambda point: point.answered),
                rate("connected", lambda point: point.connected),
                rate("abandoned", lambda point: point.abandoned),
                rate("failed", lambda point: point.failed),
            ],
            "/s",
        ),
    )
    for name in result.latencies:
        lines = [
            Line("p50", [(p.at, p.p50[name] * 1e3) for p in result.series if name in p.p50]),
            Line("p99", [(p.at, p.p99[name] * 1e3) for p in result.series if name in p.p99]),
        ]
        yield from section(f"Latency {name}, by intended start", draw(lines, "ms"))
    yield from _server(result.server, draw)
    lost = [(point.at, point.lost_share * 100) for point in result.audio_series]
    jitter = [(point.at, point.jitter * 1e3) for point in result.audio_series]
    yield from section("RTP lost", draw([Line("lost", lost)], "%"))
    yield from section("RTP jitter", draw([Line("jitter", jitter)], "ms"))


def _server(samples: list[Sample], draw: Callable[[list[Line], str], str]) -> Iterator[str]:
    processes = sorted({name for sample in samples for name in sample.cpu})
    cpu = [
        Line(name, [(s.at, s.cpu[name] * 100) for s in samples if name in s.cpu])
        for name in processes
    ]
    memory = [
        Line(name, [(s.at, s.memory[name] / 1e6) for s in samples if name in s.memory])
        for name in processes
    ]
    yield from section("CPU of the server's processes", draw(cpu, "%"))
    yield from section("Memory of the server's processes", draw(memory, "MB"))
    for name in sorted({name for sample in samples for name in sample.metrics}):
        points = [(s.at, s.metrics[name]) for s in samples if name in s.metrics]
        yield from section(name, draw([Line(name, points)], ""))


def _scenario(result: Result) -> Iterator[str]:
    text = msgspec.json.format(msgspec.json.encode(result.wanted), indent=2).decode()
    yield "<h2>The scenario</h2><details><summary>every key of it</summary>"
    yield f"<pre>{escape(text)}</pre></details>"
