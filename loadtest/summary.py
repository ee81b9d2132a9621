"""The result in words, for the end of a run on a terminal or in a log."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.result import Result

VERDICTS = {
    "passed": "passed",
    "failed": "FAILED: not all objectives are met",
    "died": "FAILED: the server died, or answered no call",
    "unproved": "UNPROVED: objectives are not met, but the generator was the bottleneck",
}


def to_text(result: Result) -> str:
    return "\n".join(_lines(result))


def _lines(result: Result) -> Iterator[str]:
    yield f"{result.scenario} against {result.target}: {result.seconds:.1f} s, {result.machine}"
    outcomes = ", ".join(f"{name} {count}" for name, count in sorted(result.outcomes.items()))
    yield (
        f"calls: {result.started} started at {result.offered_rate:.1f}/s, "
        f"{result.most_at_once} at once, {result.calls} counted: {outcomes or 'none'}"
    )
    if result.statuses:
        yield "refused with: " + _counts(result.statuses)
    for name, latency in result.latencies.items():
        values = ", ".join(f"{at} {milliseconds(value)}" for at, value in latency.at.items())
        yield f"{name}: {latency.count}, ms: {values}"
    if result.offers:
        yield "agents: " + _counts(result.offers)
    if result.registrations_failed:
        yield "registrations failed: " + _counts(result.registrations_failed)
    if result.rung:
        yield f"overtaken by a later caller: {result.overtaken} of {result.rung}"
    if result.desk:
        yield "desktops: " + _counts(result.desk)
    if (audio := result.audio) is not None and audio.streams:
        yield (
            f"audio: {audio.streams} streams, {audio.packets} packets, "
            f"lost {audio.lost_share:.3%}, jitter p95 {audio.jitter_p95_seconds * 1e3:.1f} ms, "
            f"MOS mean {audio.mos_mean:.2f}, p5 {audio.mos_p5:.2f}, min {audio.mos_min:.2f}"
        )
    for name in result.server[-1].cpu if result.server else ():
        shares = [sample.cpu[name] for sample in result.server if name in sample.cpu]
        memory = [sample.memory[name] for sample in result.server if name in sample.memory]
        mean = sum(shares) / len(shares)
        yield (
            f"{name}: CPU mean {mean:.0%}, most {max(shares):.0%}; "
            f"memory {memory[0] / 1e6:.1f} to {memory[-1] / 1e6:.1f} MB"
        )
    own = result.own
    yield (
        f"generator: CPU mean {own.cpu:.0%}, most {own.busiest:.0%}; calls began "
        f"{own.lateness_p99_seconds * 1e3:.1f} ms late at p99"
    )
    for complaint in result.complaints:
        yield f"note: {complaint}"
    if result.died is not None:
        yield f"the server: {result.died}"
    for judged in result.objectives:
        found = "not measured" if judged.found is None else f"{judged.found:.6g}"
        yield f"{'met   ' if judged.met else 'MISSED'} {judged.measure} {judged.wanted}: {found}"
    yield VERDICTS[result.verdict]


def milliseconds(seconds: float) -> str:
    """``0.64``, ``12.7``, ``5537.8``."""
    value = seconds * 1e3
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
