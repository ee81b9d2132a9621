from __future__ import annotations

import gc

import pytest
import trio

from loadtest.customers import CustomerCall
from loadtest.engine import CannotStart, Run
from loadtest.line import Leg
from loadtest.result import conclude
from loadtest.scenario.model import Objective
from loadtest.tally import Tally
from tests.support import load
from tests.support.centre import centre
from tests.support.network import Network, Weather

AGENTS = {"count": 2, "answer_after": 2, "register_rate": 10}
ROUTING = {"rona_seconds": 4, "wrap_up_seconds": 0}
LONG = {"drain_seconds": 120}


def kinds(**keys: object) -> dict[str, object]:
    return {"kinds": [{"name": "support", "dial": "2001", "talk": 5, **keys}]}


async def test_callers_talk_with_agents_of_the_same_scenario(autojump_clock):
    async with centre(routing=ROUTING) as opened:
        outcome = await load.run(opened.network, load.scenario(agents=AGENTS, **LONG))

        opened.check_nothing_is_left()
    tally = outcome.tally
    assert tally.outcomes == {"handled": 10}
    assert tally.offers == {"offered": 10, "answered": 10}
    assert (tally.rung, tally.overtaken) == (10, 0)
    assert [opened.state(f"{agent}") for agent in (1001, 1002)] == ["signed_out"] * 2


async def test_latencies_begin_when_the_caller_was_meant_to_call(autojump_clock):
    """One agent, five calls a second: each waits for those before, and that is counted."""
    agents = {"count": 1, "answer_after": 1, "register_rate": 10}
    phases = [{"name": "burst", "seconds": 1, "rate": 5}]
    async with centre(routing=ROUTING) as opened:
        wanted = load.scenario(
            agents=agents, arrivals={"process": "constant", "phases": phases}, **LONG
        )
        outcome = await load.run(opened.network, wanted)
    found = outcome.tally.latencies

    # A greeting of 2 s; each call takes its agent a second of ringing and five of talk; the calls
    # are 0.2 s apart.
    assert found["agent"].count == 5
    assert found["agent"].longest == pytest.approx(2 + 4 * 6 + 1 - 0.8, abs=0.1)
    assert found["setup"].longest < 0.01
    assert found["wire"].count == 5
    assert found["wire"].longest == pytest.approx(found["ring"].longest)  # no call began late
    assert found["offer"].count == 4
    assert found["offer"].longest < 0.05


async def test_the_phase_is_named_by_the_clock_whether_anybody_calls_or_not(autojump_clock):
    phases = [
        {"name": "calls", "seconds": 2, "rate": 1},
        {"name": "pause", "seconds": 9, "rate": 0},
    ]
    async with centre(routing=ROUTING) as opened, trio.open_nursery() as nursery:
        arrivals = {"process": "constant", "phases": phases}
        run = Run(load.scenario(arrivals=arrivals), load.world(opened.network))
        nursery.start_soon(run.run)
        await trio.sleep(1)
        assert run.phase == "calls"
        await trio.sleep(5)
        assert run.phase == "pause"
        await trio.sleep(9)
        assert run.phase not in ("calls", "pause")
        nursery.cancel_scope.cancel()


async def test_who_loses_patience_has_abandoned(autojump_clock):
    async with centre(routing=ROUTING) as opened:
        wanted = load.scenario(agents={**AGENTS, "ignores": 1.0}, callers=kinds(patience=3), **LONG)
        outcome = await load.run(opened.network, wanted)

        opened.check_nothing_is_left()
    assert outcome.tally.outcomes == {"abandoned": 10}
    assert outcome.tally.offers["answered"] == 0


async def test_calls_that_are_rejected_or_ignored_go_to_another_agent(autojump_clock):
    agents = {**AGENTS, "count": 2, "rejects": 0.3, "ignores": 0.2, "dial_available": "*51"}
    agents |= {"idle": 1, "idle_by": "dial"}
    async with centre(routing=ROUTING) as opened:
        outcome = await load.run(opened.network, load.scenario(agents=agents, **LONG), seed=3)

        opened.check_nothing_is_left()
    tally = outcome.tally
    assert tally.outcomes["handled"] >= 5
    assert tally.offers["rejected"] > 0
    assert tally.offers["ignored"] > 0
    assert tally.offers["offered"] == sum(
        tally.offers[what] for what in ("answered", "rejected", "ignored")
    )


async def test_who_rejects_a_call_says_after_a_while_that_he_is_available_again(autojump_clock):
    agents = {"count": 1, "rejects": 0.5, "idle": 1, "idle_by": "dial", "dial_available": "*51"}
    async with centre(routing=ROUTING) as opened:
        wanted = load.scenario(agents={**AGENTS, **agents}, callers=kinds(patience=600), **LONG)
        outcome = await load.run(opened.network, wanted, seed=3)

    assert outcome.tally.offers["rejected"] > 0
    assert outcome.tally.outcomes == {"handled": 10}


async def test_agents_hang_up_and_go_idle_by_unregistering(autojump_clock):
    agents = {**AGENTS, "hangs_up": 1.0, "talk": 1, "goes_idle": 0.5, "idle": 3}
    async with centre(routing=ROUTING) as opened:
        outcome = await load.run(opened.network, load.scenario(agents=agents, **LONG))

        opened.check_nothing_is_left()
    assert outcome.tally.outcomes == {"handled": 10}
    assert outcome.tally.latencies["register"].count > 2


async def test_a_warm_up_does_not_count(autojump_clock):
    phases = [
        {"name": "warm-up", "seconds": 5, "rate": 1, "measured": False},
        {"name": "steady", "seconds": 5, "rate": 1},
    ]
    async with centre(routing=ROUTING) as opened:
        wanted = load.scenario(arrivals={"process": "constant", "phases": phases})
        outcome = await load.run(opened.network, wanted)

    assert outcome.tally.outcomes == {"handled": 5}
    assert (outcome.tally.started, outcome.tally.unmeasured) == (10, 5)
    assert sum(row.started for row in outcome.tally.rows) == 10


async def test_a_number_that_nobody_has_is_refused_and_counted(autojump_clock):
    async with centre() as opened:
        wanted = load.scenario(callers=kinds(dial="2999"))
        outcome = await load.run(opened.network, wanted)

    assert outcome.tally.outcomes == {"refused": 10}
    assert sum(outcome.tally.statuses.values()) == 10
    result = conclude(wanted, outcome, "")
    assert result.died == "none of 10 calls was answered: refused 10"
    assert result.verdict == "died"


async def test_a_call_too_many_is_not_started_and_counts_as_failed(autojump_clock):
    async with centre() as opened:
        callers = {**kinds(talk=60), "most_at_once": 4}
        outcome = await load.run(opened.network, load.scenario(callers=callers, **LONG))

    assert outcome.tally.outcomes == {"handled": 4, "not_started": 6}
    assert outcome.tally.failed == 6


async def test_who_talks_at_the_end_is_hung_up(autojump_clock):
    async with centre() as opened:
        wanted = load.scenario(callers=kinds(talk=3600), drain_seconds=5)
        outcome = await load.run(opened.network, wanted)

        opened.check_nothing_is_left()
    assert outcome.tally.outcomes == {"handled": 10}
    assert outcome.seconds == pytest.approx(15, abs=0.5)


async def test_agents_with_a_wrong_password_cannot_start(autojump_clock):
    async with centre() as opened:
        with pytest.raises(CannotStart, match=r"none of 2 agents could register.*: answered 40"):
            await load.run(opened.network, load.scenario(agents={**AGENTS, "secret": "no-{n}"}))


async def test_a_server_that_is_not_there_is_reported(autojump_clock):
    async with trio.open_nursery() as nursery:
        outcome = await load.run(Network(nursery), load.scenario(drain_seconds=60))

    assert outcome.died == "the server has said nothing for 10 s"
    assert outcome.tally.outcomes == {"dropped": 10}


async def test_a_server_that_dies_ends_the_run(autojump_clock):
    async with centre() as opened:
        died_at = trio.current_time() + 5

        def has_died() -> str | None:
            return "core (1) has ended" if trio.current_time() >= died_at else None

        wanted = load.scenario(callers=kinds(talk=60))
        outcome = await load.run(opened.network, wanted, has_died=has_died)

    assert outcome.died == "core (1) has ended"
    assert outcome.tally.started == 5
    assert conclude(wanted, outcome, "").verdict == "died"


async def test_an_objective_about_what_was_not_measured_is_not_met(autojump_clock):
    objectives = [
        Objective(measure="agent_p99_seconds", at_most=1),
        Objective(measure="failed_share", at_most=0),
        Objective(measure="handled_share", at_least=0.99),
        Objective(measure="setup_max_seconds", at_most=0.0001),
    ]
    async with centre() as opened:
        wanted = load.scenario(objectives=[one.model_dump() for one in objectives])
        result = conclude(wanted, await load.run(opened.network, wanted), "")

    assert [judged.met for judged in result.objectives] == [False, True, True, False]
    assert result.objectives[0].found is None
    assert result.verdict == "failed"


async def test_every_call_has_one_outcome_in_bad_weather(autojump_clock):
    weather = Weather(loss=0.1, duplication=0.05, delay=(0.001, 0.1))
    async with centre(routing=ROUTING, weather=weather, seed=5) as opened:
        outcome = await load.run(opened.network, load.scenario(agents=AGENTS, **LONG))

    assert outcome.tally.outcomes.total() == 10
    assert outcome.tally.alive == 0
    assert outcome.tally.outcomes["handled"] >= 8


def test_rows_are_few_however_long_the_soak():
    tally = Tally(0.0, 7 * 24 * 3600.0)

    tally.row(7 * 24 * 3600.0 - 1).started += 1

    assert len(tally.rows) <= 600


@pytest.mark.parametrize(("secret", "outcome"), [("secret-1003", "handled"), ("no", "refused")])
async def test_callers_prove_who_they_are_where_they_are_asked(autojump_clock, secret, outcome):
    """Nobody calls without proof where there is no trunk."""
    callers = {**kinds(), "number": "1003", "answered_by": "server"}
    callers |= {"user": "1003", "secret": secret, "most_at_once": 1}
    phases = [{"name": "one", "seconds": 1, "rate": 1}]
    async with centre(trunks=[]) as opened:
        wanted = load.scenario(callers=callers, arrivals={"process": "constant", "phases": phases})
        found = await load.run(opened.network, wanted)

    assert found.tally.outcomes == {outcome: 1}


async def test_a_run_that_is_stopped_hangs_up_and_reports(autojump_clock):
    async with centre() as opened, trio.open_nursery() as nursery:
        running = Run(load.scenario(callers=kinds(talk=60), **LONG), load.world(opened.network))

        async def stop() -> None:
            await trio.sleep(4.5)
            running.stop()

        nursery.start_soon(stop)
        outcome = await running.run()

        opened.check_nothing_is_left()
    assert outcome.stopped
    assert outcome.tally.outcomes == {"handled": 4}
    assert outcome.seconds < 6


async def test_callers_of_one_number_are_told_apart(autojump_clock):
    callers = {**kinds(talk=3), "number": "anonymous"}
    async with centre() as opened:
        outcome = await load.run(opened.network, load.scenario(callers=callers, **LONG))

        opened.check_nothing_is_left()
    assert outcome.tally.outcomes == {"handled": 10}


async def test_calls_that_are_over_leave_nothing_behind_without_the_collector(autojump_clock):
    phases = [
        {"name": "busy", "seconds": 10, "rate": 5},
        {"name": "quiet", "seconds": 300, "rate": 0},
    ]
    async with centre(routing=ROUTING) as opened, trio.open_nursery() as nursery:
        wanted = load.scenario(
            agents=AGENTS,
            arrivals={"process": "constant", "phases": phases},
            callers=kinds(patience=30),
        )
        running = Run(wanted, load.world(opened.network))
        nursery.start_soon(running.run)
        await trio.sleep(1)
        gc.collect()
        gc.disable()
        try:
            await trio.sleep(200)
            left = [one for one in gc.get_objects() if isinstance(one, (Leg, CustomerCall))]
        finally:
            gc.enable()
        nursery.cancel_scope.cancel()

    assert running.tally.outcomes.total() == 50
    assert len(left) <= 2  # the task of each line's timers still has what it called last


async def test_callers_who_had_not_talked_when_the_test_ended_are_told(autojump_clock):
    wanted = load.scenario(agents={**AGENTS, "count": 1}, drain_seconds=1)
    async with centre(routing=ROUTING) as opened:
        outcome = await load.run(opened.network, wanted)
    found = conclude(wanted, outcome, "now")

    waited = outcome.tally.outcomes["unfinished"]
    assert 0 < waited < 10
    assert found.complaints == [
        f"{waited} of 10 callers had not talked when the test ended: they count neither as failed "
        "nor as abandoned (unfinished_share)"
    ]
