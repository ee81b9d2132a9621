"""An agent who is asked for by name: to be consulted, to take a transfer, to listen."""

from __future__ import annotations

import pytest

from actors import events as ev
from actors import messages as m
from actors.effects import TellContact, Watch
from actors.ids import ContactId, contact_actor, owner_of
from actors.reasons import EndedBy, IdleCode, NotFree, OfferFailure
from sip.machine import CancelTimer, TimerFired
from tests.support.desk import AGENT, CONTACT, QUEUE, TARGET, Desk

CONSULT = ContactId(f"{CONTACT}.2")
LEASE = TimerFired(f"lease:{CONSULT}")
WORK = ("consult", "transfer")


def test_a_request_belongs_to_its_contact():
    assert owner_of(CONSULT) == owner_of(CONTACT) == CONTACT
    assert contact_actor(CONSULT) == f"contact/{CONTACT}"


# --- whether he is free -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*WORK, "monitor"])
def test_a_free_agent_reserves_himself_at_once(kind):
    desk = Desk().registers()
    desk.now += 5
    desk.hears(asked(kind))
    assert TellContact(CONSULT, m.Assigned(CONSULT, AGENT, (TARGET,), 105.0)) in desk.effects
    assert Watch(f"contact/{CONTACT}") in desk.effects
    assert desk.told_dispatcher() == [m.AgentUnavailable(AGENT)]
    assert (desk.agent.state, desk.leases()) == ("reserved", [28.0])


@pytest.mark.parametrize("kind", WORK)
def test_an_idle_agent_is_not_given_work(kind):
    desk = Desk().registers()
    desk.commands(m.SetIdle("lunch"))
    assert desk.hears(asked(kind)) == [not_free(NotFree.IDLE)]


def test_an_idle_supervisor_may_listen_and_stays_idle():
    desk = Desk().registers()
    desk.commands(m.SetIdle("lunch"))
    listen(desk)
    assert desk.agent.state == "engaged"
    desk.hears(m.AgentLegDown(CONSULT))
    desk.hears(m.ConversationEnded(CONSULT, EndedBy.AGENT))
    assert (desk.agent.state, desk.code) == ("idle", "lunch")


@pytest.mark.parametrize("kind", [*WORK, "monitor"])
def test_nobody_is_asked_who_is_signed_out(kind):
    desk = Desk(sign_in="manual").registers()
    assert desk.hears(asked(kind)) == [not_free(NotFree.SIGNED_OUT)]


@pytest.mark.parametrize("kind", [*WORK, "monitor"])
def test_nobody_is_asked_who_has_no_phone(kind):
    desk = Desk(sign_in="manual").registers()
    desk.commands(m.SetIdle("lunch"))
    desk.hears(m.PhonesChanged(()))
    assert desk.hears(asked(kind)) == [not_free(NotFree.UNREACHABLE)]


@pytest.mark.parametrize("kind", [*WORK, "monitor"])
@pytest.mark.parametrize("busy", [Desk.reserved, Desk.engaged, Desk.wrapping_up])
def test_nobody_is_asked_who_has_a_contact_in_hand(kind, busy):
    desk = busy(Desk())
    assert desk.hears(asked(kind, ContactId("c2"))) == [not_free(NotFree.BUSY, ContactId("c2"))]


def test_nobody_is_asked_whose_phone_is_off_the_hook_v57():
    desk = Desk(wrap_up=0.0).engaged()
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    assert desk.hears(asked("monitor")) == [not_free(NotFree.BUSY)]


def test_a_reservation_of_the_dispatcher_that_crosses_is_refused():
    desk = Desk().registers()
    desk.hears(asked("consult"))
    desk.hears(m.Reserve(ContactId("c2"), QUEUE, desk.now))
    assert desk.told_dispatcher() == [m.ReservationRefused(AGENT, ContactId("c2"))]


def test_a_reservation_that_was_not_wanted_any_more_costs_no_place():
    desk = Desk().registers()
    desk.hears(asked("consult"))
    desk.now += 3
    desk.hears(m.OfferWithdrawn(CONSULT, "queue"))
    assert desk.told_dispatcher()[0].since == 100.0
    assert desk.hears(m.OfferWithdrawn(CONSULT, "queue")) == []


# --- how it ends ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WORK)
@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (OfferFailure.RONA, IdleCode.RONA),
        (OfferFailure.DECLINED, IdleCode.DECLINED),
        (OfferFailure.BUSY, IdleCode.BUSY),
    ],
)
def test_who_does_not_take_a_colleagues_call_becomes_idle_as_with_any_other(kind, reason, code):
    desk = Desk().registers()
    desk.hears(asked(kind))
    desk.hears(m.OfferFailed(CONSULT, reason))
    assert (desk.agent.state, desk.code) == ("idle", code)


@pytest.mark.parametrize("reason", sorted(OfferFailure))
def test_a_supervisor_who_does_not_answer_stays_what_he_was(reason):
    desk = Desk().registers()
    desk.hears(asked("monitor"))
    desk.hears(m.OfferFailed(CONSULT, reason))
    assert desk.agent.state == "available"
    assert desk.told_dispatcher()[0].since == 100.0


def test_a_consulted_agent_has_no_wrap_up_and_stands_behind_those_who_waited_v54():
    desk = consulted(Desk().registers())
    desk.now += 60
    desk.hears(m.ConversationEnded(CONSULT, EndedBy.AGENT, wraps_up=False))
    assert (desk.recorded(ev.WrapUpEnded), desk.leases()) == ([], [40.0])
    desk.now += 1
    desk.hears(m.AgentLegDown(CONSULT))
    assert desk.told_dispatcher()[0].since == 160.0


def test_a_consulted_agent_who_hangs_up_first_is_free_as_his_part_ends():
    desk = consulted(Desk().registers())
    desk.hears(m.AgentLegDown(CONSULT))
    assert desk.agent.state == "engaged"
    desk.hears(m.ConversationEnded(CONSULT, EndedBy.AGENT, wraps_up=False))
    assert desk.agent.state == "available"


def test_what_a_consulted_agent_wished_comes_after_the_consult():
    desk = consulted(Desk().registers())
    assert desk.commands(m.SetIdle("lunch")).pending == "idle:lunch"
    desk.hears(m.AgentLegDown(CONSULT))
    desk.hears(m.ConversationEnded(CONSULT, EndedBy.AGENT, wraps_up=False))
    assert (desk.agent.state, desk.code) == ("idle", "lunch")


def test_a_consulted_agent_to_whom_the_customer_was_left_wraps_up():
    desk = consulted(Desk().registers())
    desk.hears(m.ConversationEnded(CONSULT, EndedBy.CUSTOMER))
    assert (desk.agent.state, desk.leases()) == ("wrap_up", [10.0])


def test_where_no_queue_rules_there_is_no_wrap_up():
    desk = Desk().registers()
    desk.hears(m.AskedFor(CONSULT, None, "transfer", None))
    desk.hears(m.OfferAnswered(CONSULT))
    desk.hears(m.AgentLegDown(CONSULT))
    desk.hears(m.ConversationEnded(CONSULT, EndedBy.CUSTOMER))
    assert desk.agent.state == "available"
    assert desk.recorded(ev.WrapUpEnded) == []


def test_listening_is_no_work_no_wrap_up_and_the_place_is_kept():
    desk = listen(Desk().registers())
    desk.now += 600
    desk.hears(m.AgentLegDown(CONSULT))
    desk.hears(m.ConversationEnded(CONSULT, EndedBy.AGENT))
    assert desk.agent.state == "available"
    assert desk.told_dispatcher()[0].since == 100.0


@pytest.mark.parametrize(
    ("idle", "code"), [(None, IdleCode.PHONE_LOST), ("lunch", "lunch")], ids=["available", "idle"]
)
def test_a_supervisors_silent_phone_is_not_given_a_contact(idle, code):
    desk = Desk().registers()
    if idle:
        desk.commands(m.SetIdle(idle))
    listen(desk).hears(m.PhoneLost(CONSULT))
    assert (desk.agent.state, desk.code) == ("idle", code)


def test_listening_without_end_costs_only_the_listener():
    desk = listen(Desk().registers())
    desk.hears(LEASE)
    assert TellContact(CONSULT, m.AgentLost(CONSULT, AGENT)) in desk.effects
    assert not any(isinstance(e.message, m.EndContact) for e in told_contact(desk))
    desk.hears(m.AgentLegDown(CONSULT))
    assert desk.agent.state == "available"


# --- crashes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "state"),
    [("consult", "available"), ("transfer", "wrap_up"), ("monitor", "available")],
)
def test_a_contact_that_crashes_frees_all_whom_it_asked_for(kind, state):
    desk = Desk().registers()
    desk.hears(asked(kind))
    desk.hears(m.OfferAnswered(CONSULT))
    desk.hears(m.Down(f"contact/{CONTACT}", True))
    assert desk.agent.state == state


def test_another_contacts_crash_frees_nobody():
    desk = consulted(Desk().registers())
    assert desk.hears(m.Down("contact/c", True)) == []
    assert desk.agent.state == "engaged"


def test_a_reservation_dies_with_its_contact():
    desk = Desk().registers()
    desk.hears(asked("consult"))
    desk.hears(m.Down(f"contact/{CONTACT}", False))
    assert CancelTimer(f"lease:{CONSULT}") in desk.effects
    assert desk.agent.state == "available"


def test_a_supervisor_started_again_still_listens():
    desk = Desk().registers()
    desk.hears(m.ContactKept(CONSULT, QUEUE, "monitor"))
    desk.hears(m.AgentLegDown(CONSULT))
    desk.hears(m.ConversationEnded(CONSULT, EndedBy.AGENT))
    assert desk.agent.state == "available"


def asked(kind, request=CONSULT):
    return m.AskedFor(request, None, kind, QUEUE)


def not_free(reason, request=CONSULT):
    return TellContact(request, m.AgentNotFree(request, AGENT, reason))


def consulted(desk):
    desk.hears(asked("consult"))
    desk.hears(m.OfferAnswered(CONSULT))
    return desk


def listen(desk):
    desk.hears(asked("monitor"))
    desk.hears(m.OfferAnswered(CONSULT))
    return desk


def told_contact(desk):
    return [e for e in desk.effects if isinstance(e, TellContact)]
