"""A configuration held against trials: what the server's own machines make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from actors import events as ev
from actors.ids import AgentId
from actors.reasons import Outcome, RoutingVerdict
from ccserver.cli import app
from ccserver.journal.decisions import decisions
from ccserver.settings import ConfigurationError, Settings
from ccserver.trials.model import Trial, read_trial
from ccserver.trials.outcome import Told, tried
from ccserver.trials.story import Story

ROOT = Path(__file__).parents[3]
CENTRE: dict[str, Any] = {
    "agents": [
        {"id": "1001", "secret": "s", "skills": {"english": 8}},
        {"id": "1002", "secret": "s", "skills": {"english": 5}, "sign_in": "manual"},
        {"id": "1003", "secret": "s", "skills": {"english": 2}},
    ],
    "queues": [{"name": "support", "requirements": {"english": 3}}, {"name": "night"}],
    "entry_points": [
        {"name": "support", "numbers": ["2001"]},
        {"name": "night", "flow": [{"queue": "night"}]},
    ],
    "routing": {"rona_seconds": 15, "wrap_up_seconds": 10},
    "hours": [{"name": "office", "time_zone": "Europe/Berlin", "weekly": ["mon-fri 09:00-17:00"]}],
}
AT = "2026-03-02T14:00:00+01:00"
"""A Monday."""


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({**CENTRE, **changes})


def story(*callers: dict[str, Any], **more: Any) -> Trial:
    tree = {"at": AT, "callers": list(callers), **more}
    return Trial.model_validate(tree, strict=False)


def agents(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {"id": name, "available_seconds": 100.0 - place, **more} for place, name in enumerate(names)
    ]


def told(trial: Trial, **changes: Any) -> dict[str, Told]:
    return {one.caller: one for one in tried(settings(**changes), trial)}


ANNA = {"name": "anna", "dials": "2001"}
BEN = {"name": "ben", "dials": "2001"}


def test_what_a_queue_would_keep_for_an_outside_router_its_rules_have_at_once():
    queues = [{"name": "support", "routing": "external", "external_seconds": 99.0}]
    entry = [{"name": "support", "numbers": ["2001"]}]
    anna = told(story(ANNA, agents=agents("1001")), queues=queues, entry_points=entry)["anna"]
    assert (anna.given.agent, anna.given.after) == ("1001", 0.0)


def test_a_caller_is_given_whom_the_rules_say_and_is_told_why():
    anna = told(story(ANNA, agents=agents("1001", "1002", "1003")))["anna"]
    assert (anna.given.agent, anna.given.after) == ("1001", 0.0)
    (moment,) = anna.why.moments
    assert moment.agrees
    assert [(one.id, one.verdict) for one in moment.agents] == [
        ("1001", RoutingVerdict.FIRST_CHOICE),
        ("1002", RoutingVerdict.ANOTHER_FIRST),
        ("1003", RoutingVerdict.SKILLS_MISSING),
    ]
    assert moment.agents[1].because == (
        "available for 99.0 s; longest available: 1001 has been available for longer"
    )
    assert [line.text for line in anna.why.story][-1] == "handled"


def test_who_has_less_of_a_skill_is_told_so_in_plain_numbers():
    best = {"name": "support", "needs": "english", "strategy": "best_skill"}
    queues = [best, {"name": "night"}]

    anna = told(story(ANNA, agents=agents("1002", "1001")), queues=queues)["anna"]

    (moment,) = anna.why.moments
    because = {one.id: one.because for one in moment.agents}
    assert because["1002"] == "available for 100.0 s; best skill: 5, and 1001 has 8"


def test_who_does_not_answer_is_passed_over_and_idle():
    there = [{"id": "1001", "answers": False}, {"id": "1002", "available_seconds": 5.0}]
    first, second = told(story(ANNA, agents=there))["anna"].why.moments
    assert (first.agent, second.agent) == ("1001", "1002")
    verdicts = {one.id: (one.verdict, one.because) for one in second.agents}
    assert verdicts["1001"] == (RoutingVerdict.NOT_AVAILABLE, "idle (rona) for 0.0 s")


def test_the_next_caller_waits_until_the_talk_and_the_wrap_up_are_over():
    there = agents("1001", talks_seconds=60.0)
    ben = told(story(ANNA, {**BEN, "after_seconds": 1.0}, agents=there))["ben"]
    assert (ben.given.agent, ben.given.after) == ("1001", 72.0)  # 3 + 60 + 10, less his second


def test_an_agent_may_be_idle_or_engaged_when_it_begins():
    there = [
        {"id": "1001", "state": "idle"},
        {"id": "1002", "engaged_seconds": 30.0},
    ]
    anna = told(story(ANNA, agents=there))["anna"]
    assert (anna.given.agent, anna.given.after) == ("1002", 30.0)


def test_what_agents_do_meanwhile_counts():
    changes = [
        {"after_seconds": 5.0, "agent": "1001", "state": "available"},
        {"after_seconds": 4.0, "agent": "1002", "state": "signed_out"},
    ]
    there = [{"id": "1001", "state": "idle"}, {"id": "1002", "engaged_seconds": 4.5}]
    anna = told(story(ANNA, agents=there, changes=changes))["anna"]
    assert (anna.given.agent, anna.given.after) == ("1001", 5.0)


def test_who_called_before_it_began_has_waited_so_long():
    late = {**ANNA, "after_seconds": -30.0}
    anna = told(story(late, agents=[{"id": "1001", "available_seconds": 0.0}]))["anna"]
    assert anna.given.after == 30.0
    assert anna.why.moments[0].waited == 30.0


def test_a_caller_who_loses_his_patience_is_abandoned():
    played = Story(settings(), story({**ANNA, "patience_seconds": 20.0}))
    (ended,) = (e.event for e in played.play() if isinstance(e.event, ev.ContactEnded))
    assert ended.outcome is Outcome.ABANDONED
    assert ended.waited == 20.0


def test_a_ring_widens_the_choice_when_its_time_has_come():
    wide = [{**CENTRE["queues"][0], "rings": [{"after_seconds": 40.0, "needs": "english"}]}]
    anna = told(story(ANNA, agents=agents("1003")), queues=[*wide, CENTRE["queues"][1]])["anna"]
    assert (anna.given.agent, anna.given.after) == ("1003", 40.0)


def test_outside_the_opening_hours_a_caller_is_sent_where_the_file_says():
    to_night = {"when": "closed", "queue": "night"}
    queues = [{**CENTRE["queues"][0], "hours": "office", "diversions": [to_night]}]
    expected = {**ANNA, "expect_diverted": "queue:night", "expect_agent": "1003"}
    there = agents("1003")
    at_noon = story(ANNA, agents=there)
    at_night = story(expected, agents=there, at="2026-03-02T22:00:00+01:00")
    centre = {"queues": [*queues, CENTRE["queues"][1]]}
    assert told(at_noon, **centre)["anna"].diverted == ()
    found = told(at_night, **centre)["anna"]
    assert (found.diverted, found.given.agent, found.wrong) == (("queue:night",), "1003", ())


def test_every_decision_of_a_story_follows_from_its_record():
    callers = [{"name": f"c{n}", "dials": "2001", "after_seconds": 7.0 * n} for n in range(20)]
    there = agents("1001", "1002", talks_seconds=40.0)
    found = list(decisions(Story(settings(), story(*callers, agents=there)).play()))
    assert len(found) > 10
    assert all(one.agrees for one in found)


def test_the_same_story_is_told_twice_alike():
    lots = [{**CENTRE["queues"][0], "strategy": "weighted_random"}, CENTRE["queues"][1]]
    callers = [{"name": f"c{n}", "dials": "2001", "after_seconds": 300.0 * n} for n in range(9)]
    more = {"agents": agents("1001", "1002"), "seconds": 3000.0}

    def given(seed: int) -> list[AgentId | str | None]:
        found = told(story(*callers, seed=seed, **more), queues=lots)
        return [one.given.agent for one in found.values()]

    assert given(1) == given(1)
    assert len({tuple(given(seed)) for seed in range(5)}) > 1


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"expect_agent": "1002"}, "expected 1002, got 1001"),
        ({"expect_agent": "nobody"}, "expected nobody, got 1001"),
        ({"expect_diverted": "queue:night"}, "expected to be sent to queue:night"),
        (
            {"expect_agent": "1001", "expect_within_seconds": 5.0},
            "expected an agent within 5 s, got 1001 after 10.0 s",
        ),
    ],
)
def test_what_was_expected_and_is_not_so_is_said(expected: dict[str, Any], said: str):
    there = [{"id": "1001", "engaged_seconds": 10.0}]
    (wrong,) = told(story({**ANNA, **expected}, agents=there))["anna"].wrong
    assert wrong.startswith(said)


# --- files --------------------------------------------------------------------------------------


def test_everything_that_is_wrong_with_a_trial_is_said_with_its_line(tmp_path: Path):
    path = tmp_path / "wrong.toml"
    path.write_text(
        'at = 2026-03-02T14:00:00\n[[agents]]\nid = "4711"\nstate = "asleep"\n'
        '[[callers]]\nname = "a.b"\ndials = "9"\nexpect_agent = "x"\n'
        'expect_within_seconds = 3.0\n[[changes]]\nafter_seconds = 1\nagent = "1001"\n'
        'state = "idle"\ncode = "sleep"\n'
    )
    with pytest.raises(ConfigurationError) as raised:
        read_trial(path, settings())
    said = str(raised.value)
    for line in (
        f"{path}:1: at: expected an offset behind the time",
        f"{path}:3: agents.0.id: expected the id of an agent (1001, 1002, 1003)",
        f'{path}:4: agents.0.state: expected "available" or "idle", got "asleep"',
        f"{path}:6: callers.0.name: expected up to 64 letters",
        f"{path}:7: callers.0.dials: expected an entry point or one of its numbers",
        f"{path}:8: callers.0.expect_agent: expected the id of an agent",
        f"{path}:12: changes.0.agent: expected an agent of the trial (4711)",
        f"{path}:14: changes.0.code: expected a code",
    ):
        assert line in said


def ccserver(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_the_demonstrations_trials_are_as_expected():
    result = ccserver("check", "--tests", str(ROOT / "config" / "trials"))
    assert result.exit_code == 0, result.stdout + result.stderr
    assert result.stdout.count("as expected") == 3


def test_a_policy_that_does_another_thing_fails_its_tests(tmp_path: Path):
    trials = ROOT / "config" / "trials"
    result = ccserver("check", "--tests", str(trials), "--set", "agents.1002.skills={}")
    assert result.exit_code == 1
    assert "expected 1002, got" in result.stdout
    assert "not as expected" in result.stderr
    empty = ccserver("check", "--tests", str(tmp_path))
    assert (empty.exit_code, "found none" in empty.stderr) == (2, True)


def test_try_says_what_would_happen_and_why():
    trial = str(ROOT / "config" / "trials" / "sales-at-two.toml")
    plain = ccserver("try", trial)
    as_json = msgspec.json.decode(ccserver("try", trial, "--json").stdout)
    assert plain.exit_code == 0, plain.stdout + plain.stderr
    assert "14:00:00.000  1006 was given it: the contact began to wait" in plain.stdout
    assert as_json["callers"][0]["given"] == {"agent": "1006", "after": 0.0}
    assert as_json["callers"][0]["why"]["moments"][0]["agents"][0]["verdict"] == "FIRST_CHOICE"
