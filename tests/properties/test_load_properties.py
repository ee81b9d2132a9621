"""A load test of the real core, whatever scenario and weather: every call is accounted for."""

from __future__ import annotations

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from loadtest.engine import Outcome
from loadtest.scenario.model import Scenario
from tests.support import load
from tests.support.centre import centre
from tests.support.network import Weather

shares = st.sampled_from([0.0, 0.2, 0.5])
durations = st.sampled_from([0, 1, "uniform 0..8", "exponential 4"])


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    kinds = [
        {
            "name": f"kind{number}",
            "dial": draw(st.sampled_from(["2001", "2003", "2999"])),
            "patience": draw(st.sampled_from(["never", 0, "exponential 10", 2.0])),
            "talk": draw(durations),
        }
        for number in range(draw(st.integers(1, 2)))
    ]
    dials = draw(st.booleans())
    agents = {
        "count": draw(st.integers(1, 3)),
        "register_rate": 100,
        "answer_after": draw(durations),
        "ignores": draw(st.sampled_from([0.0, 0.3])),
        "rejects": draw(st.sampled_from([0.0, 0.3])),
        "hangs_up": draw(st.sampled_from([0.0, 0.4])),
        "talk": draw(durations),
        "goes_idle": draw(shares),
        "idle": draw(durations),
        "idle_by": "dial" if dials else "unregister",
        "dial_idle": "*521" if dials else None,
        "dial_available": "*51" if dials or draw(st.booleans()) else None,
    }
    phases = [
        {"name": "ramp", "seconds": 5, "from_rate": 0, "rate": 2, "measured": draw(st.booleans())},
        {"name": "hold", "seconds": 5, "rate": draw(st.sampled_from([0, 0.5, 3]))},
    ]
    callers = {"kinds": kinds, "most_at_once": draw(st.sampled_from([3, 100]))}
    return load.scenario(
        arrivals={"phases": phases}, callers=callers, agents=agents, drain_seconds=40
    )


@settings(max_examples=20, deadline=None)
@given(
    scenarios(),
    st.integers(0, 1000),
    st.sampled_from([Weather(), Weather(loss=0.1, duplication=0.1, delay=(0.001, 0.2))]),
)
def test_every_call_has_one_outcome_and_nobody_is_left(
    wanted: Scenario, seed: int, weather: Weather
):
    async def story() -> Outcome:
        changes = {"routing": {"rona_seconds": 3, "wrap_up_seconds": 0}}
        async with centre(seed=seed, weather=weather, **changes) as opened:
            outcome = await load.run(opened.network, wanted, seed=seed)
            await trio.sleep(120)
            opened.check_conservation()
            assert not opened.core.directory.contacts
        return outcome

    outcome = trio.run(story, clock=MockClock(autojump_threshold=0))

    tally = outcome.tally
    assert tally.outcomes.total() + tally.unmeasured == tally.started
    assert tally.alive == 0
    assert outcome.died is None
    assert sum(row.started for row in tally.rows) == tally.started
    assert tally.latencies["agent"].count <= tally.latencies["setup"].count <= tally.started
    assert tally.connected <= tally.answered
