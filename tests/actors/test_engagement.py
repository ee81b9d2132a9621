"""One contact in an agent's hands: offer, talk, wrap-up, and what ends each of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors import engagement as eng
from actors import events as ev
from actors import messages as m
from actors.agent import AgentConfigured
from actors.effects import TellContact, TellDispatcher, Watch
from actors.engagement import Engagement, Terms
from actors.ids import ContactId
from actors.reasons import EndedBy, IdleCode, OfferFailure
from sip.machine import CancelTimer, StartTimer, TimerFired
from tests.support.desk import AGENT, CONTACT, QUEUE, TARGET, Desk

LEASE = TimerFired(f"lease:{CONTACT}")


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (eng.Reserved(), "reserved"),
        (eng.Engaged(), "engaged"),
        (eng.WrapUp(0.0), "wrap_up"),
        (eng.HangingUp(), "wrap_up"),
    ],
)
def test_an_engagement_has_the_name_that_agents_know(state, name):
    engagement = Engagement(CONTACT, QUEUE, "contact", Terms(AGENT, 18.0, 3600.0), lambda: 0.0)
    engagement.state = state
    assert (engagement.name, engagement.lease) == (name, f"lease:{CONTACT}")


# --- the offer --------------------------------------------------------------------------------


def test_a_reserved_agent_watches_the_contact_and_tells_it_his_phones():
    desk = Desk().registers()
    desk.hears(m.Reserve(CONTACT, QUEUE, 42.0))
    assert Watch(f"contact/{CONTACT}") in desk.effects
    assert TellContact(CONTACT, m.Assigned(CONTACT, AGENT, (TARGET,), 42.0)) in desk.effects
    assert desk.agent.state == "reserved"


def test_a_second_reservation_is_refused_i4():
    desk = Desk().reserved()
    desk.hears(m.Reserve(ContactId("c2"), QUEUE, desk.now))
    assert desk.effects == [TellDispatcher(m.ReservationRefused(AGENT, ContactId("c2")))]
    assert list(desk.agent.engagements) == [CONTACT]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (OfferFailure.RONA, IdleCode.RONA),
        (OfferFailure.NO_ANSWER, IdleCode.RONA),
        (OfferFailure.BUSY, IdleCode.BUSY),
        (OfferFailure.DECLINED, IdleCode.DECLINED),
        (OfferFailure.UNAVAILABLE, IdleCode.UNAVAILABLE),
        (OfferFailure.INVALID_NUMBER, IdleCode.INVALID_NUMBER),
    ],
)
def test_a_failed_offer_sets_idle_with_a_code_for_its_reason_v6(reason, code):
    desk = Desk().reserved()
    desk.hears(m.OfferFailed(CONTACT, reason))
    assert (desk.agent.state, desk.code) == ("idle", code)
    assert desk.told_dispatcher() == []
    assert CancelTimer(f"lease:{CONTACT}") in desk.effects


def test_a_media_error_is_not_the_agents_fault_and_costs_no_place():
    desk = Desk().reserved()
    desk.now += 3
    desk.hears(m.OfferFailed(CONTACT, OfferFailure.MEDIA_ERROR))
    assert desk.agent.state == "available"
    assert desk.told_dispatcher()[0].since == 100.0


def test_a_failing_channel_is_tried_three_more_times_and_then_no_more():
    desk = Desk().registers()
    states = []
    for _ in range(4):
        desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
        desk.hears(m.OfferFailed(CONTACT, OfferFailure.CHANNEL_FAILURE))
        states.append((desk.agent.state, desk.code))
    assert states == [("available", None)] * 3 + [("idle", IdleCode.CHANNEL_FAILURE)]


def test_an_answer_clears_the_count_of_channel_failures():
    desk = Desk(wrap_up=0.0).registers()
    for _ in range(2):
        for _ in range(3):
            desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
            desk.hears(m.OfferFailed(CONTACT, OfferFailure.CHANNEL_FAILURE))
        desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
        desk.hears(m.OfferAnswered(CONTACT))
        desk.hears(m.AgentLegDown(CONTACT))
        desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    assert desk.agent.state == "available"


def test_what_the_agent_wished_himself_comes_after_a_failed_offer():
    desk = Desk().reserved()
    desk.commands(m.SetIdle("lunch"))
    desk.hears(m.OfferFailed(CONTACT, OfferFailure.RONA))
    assert (desk.agent.state, desk.code) == ("idle", "lunch")


def test_an_agent_whose_offer_is_withdrawn_is_free_in_the_same_step_r21():
    desk = Desk().reserved()
    desk.now += 9
    desk.hears(m.OfferWithdrawn(CONTACT, "ringing"))
    assert desk.told_dispatcher() == [m.AgentAvailable(AGENT, {"english": 5}, 100.0, 1, 109.0)]


RINGS_ON = m.OfferWithdrawn(CONTACT, "ringing", on_hook=False)


def test_an_agent_whose_offer_is_withdrawn_is_free_when_his_phone_has_stopped():
    desk = Desk().reserved()
    desk.hears(RINGS_ON)
    assert desk.agent.state == "reserved"
    assert desk.told_dispatcher() == []
    desk.now += 9
    desk.hears(m.AgentLegDown(CONTACT))
    assert desk.told_dispatcher() == [m.AgentAvailable(AGENT, {"english": 5}, 100.0, 1, 109.0)]


def test_a_phone_that_never_says_that_it_has_stopped_keeps_its_agent_for_a_while():
    desk = Desk().reserved()
    desk.hears(RINGS_ON)
    assert StartTimer(f"lease:{CONTACT}", eng.STOP_LEASE) in desk.effects
    desk.hears(TimerFired(f"lease:{CONTACT}"))
    assert desk.agent.state == "available"
    desk.hears(m.AgentLegDown(CONTACT))  # it has, after all
    assert desk.agent.state == "available"


def test_who_calls_somebody_himself_has_no_more_to_do_with_an_offer_that_was_withdrawn():
    desk = Desk().reserved()
    desk.hears(RINGS_ON)
    desk.hears(m.AskedFor(ContactId("c2"), None, "outbound", None))
    assert list(desk.agent.engagements) == [ContactId("c2")]
    assert not [e for e in desk.effects if isinstance(e, TellContact) and e.contact == CONTACT]


def test_an_offer_nobody_speaks_of_again_is_let_go_and_written_down():
    desk = Desk().reserved()
    assert desk.leases() == [28.0]
    desk.hears(LEASE)
    assert TellContact(CONTACT, m.AgentLost(CONTACT, AGENT)) in desk.effects
    assert desk.recorded(ev.LeaseExpired) == [ev.LeaseExpired("agent/1001", CONTACT, "Reserved")]
    assert desk.told_dispatcher()[0].since == 100.0
    assert desk.hears(m.OfferAnswered(CONTACT)) == []  # late news


# --- the talk ---------------------------------------------------------------------------------


def test_a_phone_that_falls_silent_sets_idle_without_wrap_up_d05():
    desk = Desk().engaged()
    desk.hears(m.PhoneLost(CONTACT))
    assert (desk.agent.state, desk.code) == ("idle", IdleCode.PHONE_LOST)
    assert CancelTimer(f"lease:{CONTACT}") in desk.effects
    assert desk.hears(m.AgentLegDown(CONTACT)) == []


def test_a_silent_phone_is_not_made_available_by_an_older_wish():
    desk = Desk(sign_in="manual").registers()
    desk.commands(m.SetIdle("lunch"))
    desk.hears(m.ContactKept(CONTACT, QUEUE))
    desk.commands(m.SetAvailable())
    desk.hears(m.PhoneLost(CONTACT))
    assert (desk.agent.state, desk.code) == ("idle", "lunch")


def test_a_talk_without_end_is_let_go_and_written_down():
    desk = Desk().engaged()
    assert desk.leases() == [3600.0]
    desk.hears(LEASE)
    assert TellContact(CONTACT, m.AgentLost(CONTACT, AGENT)) in desk.effects
    assert desk.recorded(ev.LeaseExpired) == [ev.LeaseExpired("agent/1001", CONTACT, "Engaged")]
    assert desk.agent.state == "wrap_up"


def test_a_talk_that_ends_as_its_lease_runs_out_ends_once():
    desk = Desk().engaged()
    desk.hears(LEASE)
    assert desk.hears(m.ConversationEnded(CONTACT, EndedBy.SYSTEM)) == []
    desk.hears(m.AgentLegDown(CONTACT))
    assert desk.commands(m.EndWrapUp()).state == "available"


@pytest.mark.parametrize("wrap_up", [0.0, 10.0])
def test_a_phone_that_falls_silent_as_its_lease_runs_out_is_not_called_again(wrap_up):
    desk = Desk(wrap_up=wrap_up).engaged()
    desk.hears(LEASE)
    desk.hears(m.PhoneLost(CONTACT))
    if wrap_up:
        desk.commands(m.EndWrapUp())
    assert (desk.agent.state, desk.code) == ("idle", IdleCode.PHONE_LOST)


def test_a_crash_of_the_contact_frees_the_agent():
    for desk in (Desk().reserved(), Desk(wrap_up=0.0).engaged()):
        desk.hears(m.Down(f"contact/{CONTACT}", crashed=True))
        assert desk.agent.state == "available"
        assert len(desk.told_dispatcher()) == 1


def test_a_crash_in_a_talk_leaves_him_his_wrap_up():
    desk = Desk().engaged()
    desk.hears(m.Down(f"contact/{CONTACT}", crashed=True))
    assert (desk.agent.state, desk.leases()) == ("wrap_up", [10.0])


def test_the_end_of_a_contact_in_good_order_does_not_end_its_wrap_up():
    desk = Desk().wrapping_up()
    assert desk.hears(m.Down(f"contact/{CONTACT}", crashed=False)) == []


# --- wrap-up and the hook ---------------------------------------------------------------------


def test_the_end_of_wrap_up_makes_available_in_the_same_step_r07():
    desk = Desk().wrapping_up()
    desk.now += 10
    desk.hears(LEASE)
    assert desk.told_dispatcher() == [
        m.AgentAvailable(AGENT, {"english": 5}, 110.0, 2, 110.0, contacts=1)
    ]
    assert desk.recorded(ev.WrapUpEnded) == [
        ev.WrapUpEnded(AGENT, CONTACT, QUEUE, 10.0, None, True)
    ]


def test_a_contact_reserved_at_the_tick_that_wrap_up_ends_is_taken_once_r09():
    desk = Desk().wrapping_up()
    other = ContactId("c2")
    desk.hears(m.Reserve(other, QUEUE, desk.now))  # before the tick: refused
    assert desk.told_dispatcher() == [m.ReservationRefused(AGENT, other)]
    desk.hears(LEASE)
    desk.hears(m.Reserve(other, QUEUE, desk.now))  # after it: taken
    assert list(desk.agent.engagements) == [other]
    assert desk.hears(LEASE) == []


def test_without_wrap_up_the_agent_is_available_when_his_phone_is_on_the_hook_v57():
    desk = Desk(wrap_up=0.0).engaged()
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    assert (desk.told_dispatcher(), desk.leases()) == ([], [40.0])
    desk.hears(m.AgentLegDown(CONTACT))
    assert desk.agent.state == "available"
    assert len(desk.told_dispatcher()) == 1


def test_a_phone_left_off_the_hook_outlasts_wrap_up_v57():
    desk = Desk().engaged()
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    desk.hears(LEASE)
    assert (desk.told_dispatcher(), desk.agent.state) == ([], "wrap_up")
    assert desk.leases() == [40.0]
    desk.hears(LEASE)  # and does not keep him for ever
    assert desk.recorded(ev.LeaseExpired) == [ev.LeaseExpired("agent/1001", CONTACT, "HangingUp")]
    assert desk.agent.state == "available"


def test_news_of_a_contact_that_nobody_expects_from_is_an_error():
    with pytest.raises(ValueError, match="OfferFailed while engaged"):
        Desk().engaged().hears(m.OfferFailed(CONTACT, OfferFailure.BUSY))


# --- what is counted, and who is told of it ---------------------------------------------------


def done(desk: Desk) -> tuple[int, float]:
    return desk.agent.availability.contacts, desk.agent.availability.talked


def test_a_contact_is_counted_once_however_often_its_end_is_told_r10():
    desk = Desk().engaged()
    desk.now += 60
    ended = m.ConversationEnded(CONTACT, EndedBy.CUSTOMER)
    desk.hears(ended)
    desk.hears(ended)
    desk.hears(m.AgentLegDown(CONTACT))
    desk.hears(m.Down(f"contact/{CONTACT}", crashed=False))
    desk.hears(LEASE)
    assert done(desk) == (1, 60.0)


@pytest.mark.parametrize(
    "end", [m.PhoneLost(CONTACT), m.Down(f"contact/{CONTACT}", crashed=True), LEASE]
)
def test_a_contact_that_ends_badly_is_counted_too(end):
    desk = Desk().engaged()
    desk.now += 30
    desk.hears(end)
    assert done(desk) == (1, 30.0)


def test_an_offer_that_nobody_took_counts_for_nothing():
    desk = Desk().reserved()
    desk.hears(m.OfferWithdrawn(CONTACT, "queue"))
    assert done(desk) == (0, 0.0)


def limited() -> Desk:
    desk = Desk()
    settings = replace(desk.agent.settings, limited_queues=frozenset((QUEUE,)))
    desk.hears(AgentConfigured(settings))
    return desk


SERVES, SERVED = m.AgentServes(AGENT, CONTACT, QUEUE), m.AgentServed(AGENT, CONTACT)


def test_a_limited_queue_is_told_when_he_is_reserved_and_when_the_talk_ends():
    desk = limited().reserved()
    assert SERVES in desk.told_dispatcher()
    desk.hears(m.OfferAnswered(CONTACT))
    assert desk.told_dispatcher() == []
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    assert desk.told_dispatcher() == [SERVED]


@pytest.mark.parametrize(
    "end",
    [
        m.OfferWithdrawn(CONTACT, "queue"),
        m.OfferFailed(CONTACT, OfferFailure.RONA),
        m.Down(f"contact/{CONTACT}", True),
        TimerFired(f"lease:{CONTACT}"),
    ],
)
def test_a_limited_queue_is_told_of_an_offer_that_came_to_nothing(end):
    desk = limited().reserved()
    desk.hears(end)
    assert desk.told_dispatcher()[0] == SERVED


def test_a_limited_queue_is_told_of_a_reservation_that_he_refuses():
    desk = limited().registers()
    desk.commands(m.SetIdle("lunch"))
    desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
    assert desk.told_dispatcher() == [m.ReservationRefused(AGENT, CONTACT), SERVED]


def test_reserved_twice_for_a_contact_he_has_it_until_its_end():
    desk = limited().reserved()
    desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
    assert desk.told_dispatcher() == [m.ReservationRefused(AGENT, CONTACT)]


@pytest.mark.parametrize("answered", [False, True])
def test_a_dispatcher_that_starts_again_is_told_whom_he_serves(answered):
    desk = limited().reserved()
    if answered:
        desk.hears(m.OfferAnswered(CONTACT))
    desk.hears(m.Restarted("dispatcher"))
    assert desk.told_dispatcher() == [SERVES]


def test_an_agent_that_starts_again_in_a_talk_tells_it():
    desk = limited().registers()
    desk.hears(m.ContactKept(CONTACT, QUEUE))
    assert m.AgentServes(AGENT, CONTACT, QUEUE) in desk.told_dispatcher()
