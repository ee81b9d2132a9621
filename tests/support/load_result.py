"""A result of a load test, made up."""

from __future__ import annotations

import msgspec

from loadtest.own_load import OwnLoad
from loadtest.result import Judged, Latency, Point, Result
from loadtest.watch import Sample

AT_EASE = OwnLoad(0.3, 0.4, 0.0, 0.001, 0.001)
MET = Judged("failed_share", "<= 0", 0.0, True)


def result(**changes: object) -> Result:
    point = Point(0.0, 5, 4, 3, 2, 1, 0, {"setup": 0.01}, {"setup": 0.02})
    at = {"p50": 0.01, "p99": 0.02, "max": 0.03}
    found = Result(
        scenario="<first>",
        target="udp:127.0.0.1:5060",
        began="2026-11-21T08:00:00+00:00",
        machine="2 x a & b",
        seconds=2.0,
        calling_seconds=1.0,
        interval=1.0,
        calls=10,
        unmeasured=1,
        started=11,
        connected=9,
        most_at_once=4,
        outcomes={"handled": 9, "refused": 1},
        statuses={"503": 1},
        latencies={"setup": Latency(10, 0.012, at)},
        offers={"offered": 9},
        registrations_failed={},
        overtaken=1,
        rung=9,
        objectives=[MET],
        own=AT_EASE,
        complaints=[],
        died=None,
        wanted={"name": "<first>"},
        series=[point, msgspec.structs.replace(point, at=1.0, started=6)],
        server=[Sample(1.0, {"core": 0.5}, {"core": 50_000_000}, {"waiting": 3.0})],
    )
    return msgspec.structs.replace(found, **changes)
