from __future__ import annotations

import math

import pytest

from loadtest import caller as c
from sip.machine import CancelTimer, StartTimer, TimerFired


def caller(**plan: object) -> c.Caller:
    drawn = {"dial": "2001", "patience": 30.0, "talk": 10.0, "waits_for_agent": True, **plan}
    return c.Caller(c.CallPlan(**drawn))  # type: ignore[arg-type]


def tell(machine: c.Caller, *messages: c.Message) -> list[c.Effect]:
    return [effect for message in messages for effect in machine.handle(message)]


def test_who_waits_for_an_agent_talks_when_he_answers():
    machine = caller()

    assert tell(machine, c.Start()) == [StartTimer("patience", 30.0), c.Dial()]
    assert tell(machine, c.Answered()) == [c.SetUp()]
    assert tell(machine, c.AgentAnswered()) == [
        CancelTimer("patience"),
        StartTimer("talk", 10.0),
        c.Connected(),
    ]
    assert tell(machine, TimerFired("talk")) == [c.HangUp()]
    assert tell(machine, c.Ended("local")) == [c.Gone("handled")]


def test_where_nobody_is_waited_for_the_answer_is_enough():
    machine = caller(waits_for_agent=False, patience=math.inf, keys="1,2")

    effects = tell(machine, c.Start(), c.Answered())

    assert effects == [
        c.Dial(),
        c.SetUp(),
        CancelTimer("patience"),
        StartTimer("talk", 10.0),
        c.Connected(),
        c.PressKeys("1,2"),
    ]


def test_an_agent_may_answer_before_the_server_does():
    machine = caller()

    effects = tell(machine, c.Start(), c.AgentAnswered(), c.Answered())

    assert c.Connected() in effects
    assert machine.state == c.Talking()


@pytest.mark.parametrize("before", [[], [c.Answered()]])
def test_patience_ends_while_it_rings_and_while_music_plays(before):
    machine = caller()

    effects = tell(machine, c.Start(), *before, TimerFired("patience"), c.Ended("local"))

    assert effects[-2:] == [c.HangUp(), c.Gone("abandoned")]


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        ("rejected", 503, "refused"),
        ("rejected", 404, "refused"),
        ("timeout", 408, "timeout"),
        ("transport", 503, "transport"),
    ],
)
def test_a_call_that_does_not_come_about_says_why(kind, status, outcome):
    effects = tell(caller(), c.Start(), c.Ended(kind, status))

    assert effects[-1] == c.Gone(outcome, status)


def test_a_server_that_hangs_up_on_who_waits_has_dropped_him():
    effects = tell(caller(), c.Start(), c.Answered(), c.Ended("bye"))

    assert effects[-1] == c.Gone("dropped")


def test_an_agent_who_hangs_up_ends_the_talk_well():
    effects = tell(caller(), c.Start(), c.Answered(), c.AgentAnswered(), c.Ended("bye"))

    assert effects[-2:] == [CancelTimer("talk"), c.Gone("handled")]


def test_an_answer_that_crosses_the_hanging_up_changes_nothing():
    machine = caller()
    tell(machine, c.Start(), TimerFired("patience"))

    assert tell(machine, c.Answered(), c.AgentAnswered()) == []
    assert tell(machine, c.Ended("local")) == [c.Gone("abandoned")]


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        ([], "unfinished"),
        ([c.Answered()], "unfinished"),
        ([c.Answered(), c.AgentAnswered()], "handled"),
    ],
)
def test_at_the_end_of_the_test_everybody_hangs_up(before, outcome):
    effects = tell(caller(), c.Start(), *before, c.Finish(), c.Ended("local"))

    assert effects[-2:] == [c.HangUp(), c.Gone(outcome)]


def test_what_cannot_come_raises():
    with pytest.raises(c.UnexpectedMessage):
        caller().handle(TimerFired("talk"))
