"""A load test in memory: the generator on the network of the tests, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from loadtest.audio_port import NoAudio
from loadtest.engine import Outcome, Run, World
from loadtest.scenario.model import Scenario
from sip.offer_answer import Local
from tests.support.network import MemoryTransport, Network

HOST = "10.0.1.200"


def scenario(**sections: Any) -> Scenario:
    """Ten calls in ten seconds to 2001, of a server at the network's place for one."""
    return Scenario.model_validate(
        {
            "target": {"address": "10.0.0.1:5060", "domain": "ccserver"},
            "arrivals": {
                "process": "constant",
                "phases": [{"name": "steady", "seconds": 10, "rate": 1}],
            },
            "callers": {"kinds": [{"name": "support", "dial": "2001", "talk": 5}]},
            **sections,
        }
    )


def world(
    network: Network, *, seed: int = 0, has_died: Callable[[], str | None] = lambda: None
) -> World:
    ports = count(6000)
    return World(
        transport=lambda port: MemoryTransport(network, (HOST, port or next(ports))),
        audio=NoAudio(Local(HOST, 40_000)),
        dice=Random(seed),
        names="load",
        cpu=lambda: 0.0,
        has_died=has_died,
    )


async def run(network: Network, wanted: Scenario, **options: Any) -> Outcome:
    return await Run(wanted, world(network, **options)).run()
