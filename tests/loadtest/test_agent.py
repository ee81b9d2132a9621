from __future__ import annotations

import pytest

from loadtest import agent as a
from sip.machine import CancelTimer, StartTimer, TimerFired


def offer(does: str = "answer", away: float | None = None) -> a.Rung:
    return a.Rung(a.OfferPlan(does, 2.0, 20.0, away))


def tell(machine: a.AgentPhone, *messages: a.Message) -> list[a.Effect]:
    return [effect for message in messages for effect in machine.handle(message)]


def test_an_agent_answers_after_a_while_and_is_free_when_the_other_hangs_up():
    machine = a.AgentPhone()

    assert tell(machine, offer()) == [a.Ring(), StartTimer("answer", 2.0)]
    assert tell(machine, TimerFired("answer")) == [a.Answer()]
    assert tell(machine, a.CallEnded()) == [CancelTimer("talk"), a.BecameFree()]
    assert machine.state == a.Free()


def test_who_ignores_a_call_lets_it_ring_until_it_is_taken_away():
    machine = a.AgentPhone()

    assert tell(machine, offer("ignore")) == [a.Ring()]
    assert tell(machine, a.CallEnded()) == [CancelTimer("answer"), a.BecameFree()]


def test_who_rejects_does_so_after_a_while():
    assert tell(a.AgentPhone(), offer("reject"), TimerFired("answer"))[-1] == a.Reject()


def test_who_hangs_up_talks_first():
    effects = tell(a.AgentPhone(), offer("hang_up"), TimerFired("answer"), TimerFired("talk"))

    assert effects[-4:] == [
        a.Answer(),
        StartTimer("talk", 20.0),
        a.HangUp(),
        a.BecameFree(),
    ]


def test_who_hung_up_can_be_rung_before_his_bye_is_answered():
    machine = a.AgentPhone()
    tell(machine, offer("hang_up"), TimerFired("answer"), TimerFired("talk"))

    assert tell(machine, a.CallEnded(), offer())[-2:] == [a.Ring(), StartTimer("answer", 2.0)]


def test_who_goes_idle_comes_back():
    machine = a.AgentPhone()
    tell(machine, offer(away=60.0), TimerFired("answer"))

    assert tell(machine, a.CallEnded()) == [
        CancelTimer("talk"),
        a.GoIdle(),
        StartTimer("idle", 60.0),
    ]
    assert tell(machine, offer()) == [a.Decline(480)]
    assert tell(machine, a.CallEnded(), TimerFired("idle")) == [a.ComeBack(), a.BecameFree()]


def test_a_second_call_is_declined_and_the_first_goes_on():
    machine = a.AgentPhone()
    tell(machine, offer())

    assert tell(machine, offer()) == [a.Decline(486)]
    assert tell(machine, TimerFired("answer")) == [a.Answer()]


@pytest.mark.parametrize(
    ("before", "effects"),
    [
        ([], [CancelTimer("idle")]),
        ([offer()], [CancelTimer("answer"), a.Reject(480)]),
        ([offer(), TimerFired("answer")], [CancelTimer("talk"), a.HangUp()]),
    ],
)
def test_at_the_end_of_the_test_nothing_is_left_ringing(before, effects):
    machine = a.AgentPhone()
    tell(machine, *before)

    assert tell(machine, a.Finish()) == effects
    assert tell(machine, a.CallEnded(), TimerFired("answer")) == []


def test_an_agent_hangs_up_on_a_customer_who_is_gone():
    machine = a.AgentPhone()
    tell(machine, offer(), TimerFired("answer"))

    assert tell(machine, a.CustomerGone()) == [StartTimer("talk", a.NOTICED)]
    assert tell(machine, TimerFired("talk"))[0] == a.HangUp()
    assert tell(machine, a.CustomerGone()) == []


def test_what_cannot_come_raises():
    machine = a.AgentPhone()
    tell(machine, offer())

    with pytest.raises(a.UnexpectedMessage):
        machine.handle(TimerFired("idle"))
