"""What the load generator itself costs, against a far end that costs next to nothing: SIPp's UAS.

    python -m loadtest.bench_generator --rate 1000 --calls 500 --seconds 10

First signalling alone, then calls that all speak and hear their echo.  CPU is this process' own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from loadtest.realtime import ask_for_priority
from loadtest.result import Result, machine
from loadtest.scenario.model import Scenario
from loadtest.session import perform

HOST = "127.0.0.1"
SIP, MEDIA = 27160, 27170
TALK = 1.0
"""Seconds, without audio."""


def main() -> int:
    arguments = _arguments()
    if not ask_for_priority():
        print("without real-time priority: on a busy machine the latencies are the machine's")
    print(machine())
    command = ["sipp", "-sn", "uas", "-i", HOST, "-p", str(SIP), "-mp", str(MEDIA), "-rtp_echo"]
    far_end = subprocess.Popen(
        [*command, "-nostdin"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(1.0)
        rate, seconds = arguments.rate, arguments.seconds
        signalling = perform(_scenario(rate, seconds, TALK, "none"), Path())
        _report(f"signalling at {rate}/s", signalling)
        each = signalling.own.cpu * signalling.seconds / max(1, signalling.started)
        print(f"  {each * 1e6:.0f} us CPU a call")
        filling = arguments.calls / 100
        audio = perform(_scenario(100, filling, seconds + filling, "tone"), Path())
        _report(f"{audio.most_at_once} calls at once with audio", audio)
        if (heard := audio.audio) is not None:
            print(
                f"  {heard.packets} packets heard, lost {heard.lost_share:.4%}, jitter p95 "
                f"{heard.jitter_p95_seconds * 1e3:.2f} ms, sent late {heard.late_share:.2%}"
            )
    finally:
        far_end.kill()
        far_end.wait()
    return 0 if signalling.verdict == audio.verdict == "passed" else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000, help="calls a second, without audio")
    parser.add_argument("--calls", type=int, default=500, help="at once, with audio")
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


def _scenario(rate: float, seconds: float, talk: float, audio: str) -> Scenario:
    return Scenario.model_validate(
        {
            "target": {"address": f"{HOST}:{SIP}"},
            "arrivals": {
                "process": "constant",
                "phases": [{"name": "steady", "seconds": seconds, "rate": rate}],
            },
            "callers": {"kinds": [{"name": "callers", "dial": "service", "talk": talk}]},
            "media": {"audio": audio},
            "objectives": [{"measure": "failed_share", "at_most": 0}],
        }
    )


def _report(what: str, result: Result) -> None:
    own, setup = result.own, result.latencies["setup"].at
    print(
        f"{what}: {result.started} calls, failed "
        f"{result.started - result.outcomes.get('handled', 0)}; generator {own.cpu:.0%} of a core, "
        f"most {own.busiest:.0%}; setup p50 {setup['p50'] * 1e3:.1f}, p99 {setup['p99'] * 1e3:.1f} "
        f"ms; calls began {own.lateness_p99_seconds * 1e3:.1f} ms late at p99"
    )
    for complaint in result.complaints:
        print(f"  note: {complaint}")


if __name__ == "__main__":
    sys.exit(main())
