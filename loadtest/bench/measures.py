"""What is measured, and what it should come to."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Part(StrEnum):
    """Measured together, in a process of its own."""

    CALLS = "calls"
    LATENCY = "latency"
    REGISTRAR = "registrar"
    BINDINGS = "bindings"
    MEDIA = "media"
    GROWTH = "growth"
    HOLD = "hold"
    MEMORY = "memory"
    SOAK = "soak"


class Measure(Struct, frozen=True):
    """``goal``: at most so much, or at least, in ``unit``."""

    key: str
    part: Part
    text: str
    unit: str
    goal: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.goal if self.at_least else value <= self.goal

    def times_the_goal(self, value: float) -> float | None:
        """Above 1 it is missed, by so many times; None: one of the two is zero."""
        if not value or not self.goal:
            return None
        return self.goal / value if self.at_least else value / self.goal


MEASURES = (
    Measure(
        "call.cpu",
        Part.CALLS,
        "CPU of a queued call, core and media, 200 calls/s, no RTP",
        "ms",
        0.6,
    ),
    Measure("call.failed", Part.CALLS, "queued calls that failed, 200 calls/s", "", 0),
    Measure(
        "freed.p50",
        Part.LATENCY,
        "agent freed → his next INVITE, callers waiting, 200 calls/s: p50",
        "ms",
        1,
    ),
    Measure("freed.p99", Part.LATENCY, "the same: p99", "ms", 5),
    Measure(
        "idle.p50",
        Part.LATENCY,
        "caller's INVITE → idle agent's INVITE, no greeting, 100 calls/s: p50",
        "ms",
        0.8,
    ),
    Measure("idle.p99", Part.LATENCY, "the same: p99", "ms", 3),
    Measure("overtaken", Part.LATENCY, "callers overtaken by a later one, agents scarce", "", 0),
    Measure(
        "register.rate",
        Part.REGISTRAR,
        "REGISTER with digest, 401 and 200, bytes to bytes, a core",
        "/s",
        10_000,
        at_least=True,
    ),
    Measure("register.memory", Part.REGISTRAR, "a binding, of 100,000", "bytes", 1024),
    Measure(
        "register.stall",
        Part.REGISTRAR,
        "longest step while 100,000 phones register, and all expire at once",
        "ms",
        50,
    ),
    Measure(
        "register.flat",
        Part.REGISTRAR,
        "a binding's memory after 150,000 REGISTERs more",
        "times",
        1.02,
    ),
    Measure(
        "binding.growth", Part.REGISTRAR, "a REGISTER, 1,000 to 100,000 bindings", "times", 1.3
    ),
    Measure(
        "bindings.lag",
        Part.BINDINGS,
        "100,000 phones register with a server, and again and again: its loop's lag at most",
        "ms",
        50,
    ),
    Measure(
        "bindings.flat",
        Part.BINDINGS,
        "its core's memory after the last 150,000 REGISTERs, of what it was before",
        "times",
        1.02,
    ),
    Measure("relay.lost", Part.MEDIA, "1,200 relayed calls: packets lost by us", "", 0),
    Measure("relay.delay", Part.MEDIA, "1,200 relayed calls: phone to phone, p99", "ms", 10),
    Measure(
        "conference.late",
        Part.MEDIA,
        "180 conferences of eight: lateness of the tick, p99",
        "ms",
        3,
    ),
    Measure(
        "call.growth",
        Part.GROWTH,
        "CPU of a call, the dearest of 10, 100, 300 calls/s",
        "times",
        1.3,
    ),
    Measure(
        "call.growth.alone",
        Part.GROWTH,
        "the same, without what the idle server used right before, for as long",
        "times",
        1.3,
    ),
    Measure(
        "decision.growth",
        Part.GROWTH,
        "a decision, 100 to 100,000 agents, 100 kinds of agents by 50 queues",
        "times",
        3,
    ),
    Measure(
        "hold.rate",
        Part.HOLD,
        "queued calls held for ten minutes, none failed",
        "/s",
        600,
        at_least=True,
    ),
    Measure("hold.lag", Part.HOLD, "loop lag of the core at that rate: p99.9", "ms", 20),
    Measure("memory.idle", Part.MEMORY, "the core, idle", "MB", 60),
    Measure("memory.waiting", Part.MEMORY, "a caller who waits, core and media", "KB", 40),
    Measure("memory.talking", Part.MEMORY, "a caller who talks, core and media", "KB", 60),
    Measure(
        "memory.soak",
        Part.SOAK,
        "a process at the end of an hour of calls, of what it was after a quarter",
        "times",
        1.02,
    ),
)
