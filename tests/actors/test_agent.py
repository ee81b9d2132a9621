"""The agent: commands, pending states, phones, and why a command is refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors import events as ev
from actors import messages as m
from actors.effects import Record, TellContact
from actors.ids import AgentId, ContactId
from actors.reasons import EndedBy, IdleCode, OfferFailure, Refusal
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.transport.path import Path
from tests.support.desk import AGENT, CONTACT, QUEUE, TARGET, Desk


def test_registering_signs_in_and_is_told_to_the_dispatcher():
    desk = Desk()
    desk.registers()
    assert desk.agent.state == "available"
    assert desk.told_dispatcher() == [
        m.AgentAvailable(AgentId("1001"), {"english": 5}, 100.0, 1, 100.0)
    ]


def test_with_manual_sign_in_a_registered_agent_stays_signed_out():
    desk = Desk(sign_in="manual").registers()
    assert desk.agent.state == "signed_out"
    assert desk.commands(m.SetAvailable()).state == "available"


def test_without_a_phone_nobody_is_available():
    assert Desk(sign_in="manual").commands(m.SetAvailable()).code is Refusal.NOT_REGISTERED


def test_a_reservation_that_comes_too_late_is_refused():
    desk = Desk().registers()
    desk.commands(m.SetIdle("lunch"))
    desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
    assert desk.told_dispatcher() == [m.ReservationRefused(AgentId("1001"), CONTACT)]


def test_a_reservation_has_a_lease_that_outlasts_rona():
    desk = Desk().reserved()
    leases = [e for e in desk.effects if isinstance(e, StartTimer)]
    assert [lease.seconds for lease in leases] == [28.0]
    desk.hears(TimerFired(leases[0].name))
    assert TellContact(CONTACT, m.AgentLost(CONTACT, AgentId("1001"))) in desk.effects
    assert desk.agent.state == "available"


def test_sign_out_is_refused_while_an_offer_is_showing_v9():
    desk = Desk().reserved()
    assert desk.commands(m.SignOut()).code is Refusal.OFFER_PENDING
    assert "sign-out" not in desk.agent.allowed()


def test_idle_during_a_contact_is_pending_visible_and_applied_after_wrap_up():
    desk = Desk().engaged()
    assert desk.commands(m.SetIdle("lunch")).pending == "idle:lunch"
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    desk.hears(m.AgentLegDown(CONTACT))
    assert desk.agent.state == "wrap_up"
    desk.hears(TimerFired(f"lease:{CONTACT}"))
    assert (desk.agent.state, desk.agent.availability.state.code) == ("idle", "lunch")


def test_the_last_wish_counts():
    desk = Desk().engaged()
    desk.commands(m.SetIdle("lunch"))
    desk.commands(m.SetAvailable())
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    desk.hears(m.AgentLegDown(CONTACT))
    desk.hears(TimerFired(f"lease:{CONTACT}"))
    assert desk.agent.state == "available"


def test_wrap_up_ended_by_command_makes_available_at_once():
    desk = Desk().engaged()
    desk.hears(m.AgentLegDown(CONTACT))
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    desk.now += 4
    assert desk.commands(m.EndWrapUp("solved")).state == "available"
    ended = [e.event for e in desk.effects if isinstance(e, Record)]
    assert ev.WrapUpEnded(AgentId("1001"), CONTACT, QUEUE, 4.0, "solved", False) in ended
    assert desk.told_dispatcher()[0].since == 104.0


def test_a_wrap_up_code_that_nobody_knows_is_refused_and_wrap_up_goes_on():
    desk = Desk().wrapping_up()
    assert desk.commands(m.EndWrapUp("siesta")).code is Refusal.UNKNOWN_WRAP_UP_CODE
    assert desk.agent.state == "wrap_up"
    assert desk.commands(m.EndWrapUp("wrong-number")).state == "available"


def test_wrap_up_that_nobody_ends_ends_by_itself_without_a_code():
    desk = Desk().wrapping_up()
    desk.now += 10
    desk.hears(TimerFired(f"lease:{CONTACT}"))
    (ended,) = desk.recorded(ev.WrapUpEnded)
    assert (ended.code, ended.by_timer, ended.lasted) == (None, True, 10.0)


def test_wrap_up_cannot_be_ended_where_there_is_none():
    assert Desk().registers().commands(m.EndWrapUp()).code is Refusal.NOT_IN_WRAP_UP


def test_after_rona_the_choice_is_published_v7():
    """Available, or idle with a code of his own; nobody chooses RONA."""
    desk = Desk().reserved()
    desk.hears(m.OfferFailed(CONTACT, OfferFailure.RONA))
    (changed,) = desk.recorded(ev.AgentStateChanged)
    assert (changed.state, changed.code) == ("idle", IdleCode.RONA)
    assert changed.allowed == ("available", "idle", "sign-out")
    assert desk.commands(m.SetIdle("break")).code == "break"


@pytest.mark.parametrize("choose", [m.SetAvailable(), m.SetIdle("lunch")])
def test_after_rona_the_agent_chooses_v7(choose):
    desk = Desk().reserved()
    desk.hears(m.OfferFailed(CONTACT, OfferFailure.RONA))
    done = desk.commands(choose)
    assert done.state == ("available" if choose == m.SetAvailable() else "idle")


def test_what_is_allowed_is_published_as_it_changes():
    desk = Desk(sign_in="manual")
    published = []
    for message in (
        m.PhonesChanged((TARGET,)),
        m.AgentCommandReceived(m.SetAvailable(), "test"),
        m.Reserve(CONTACT, QUEUE, 0.0),
        m.OfferAnswered(CONTACT),
        m.ConversationEnded(CONTACT, EndedBy.CUSTOMER),
        TimerFired(f"lease:{CONTACT}"),
        m.AgentLegDown(CONTACT),
        m.PhonesChanged(()),
    ):
        desk.hears(message)
        (changed,) = desk.recorded(ev.AgentStateChanged)
        assert changed.allowed == desk.agent.allowed()
        published.append((changed.state, changed.code, changed.allowed))
    choice = ("available", "idle", "sign-out")
    assert published == [
        ("signed_out", None, choice),
        ("available", None, choice),
        ("reserved", None, ("available", "idle")),  # V-9
        ("engaged", None, choice),
        ("wrap_up", None, ("available", "end-wrap-up", "idle", "sign-out")),
        ("wrap_up", None, choice),  # his phone is off the hook
        ("available", None, choice),
        ("idle", IdleCode.UNAVAILABLE, ("idle", "sign-out")),
    ]


@pytest.mark.parametrize("code", ["rona", "agent_busy", "phone_lost", "siesta"])
def test_only_configured_idle_codes_can_be_chosen(code):
    assert Desk().registers().commands(m.SetIdle(code)).code is Refusal.UNKNOWN_IDLE_CODE


def test_a_command_that_saw_an_older_version_is_stale():
    desk = Desk().registers()
    version = desk.commands(m.SetIdle("lunch")).version
    desk.commands(m.SetAvailable())
    assert desk.commands(m.SetIdle("break"), expect=version).code is Refusal.STALE
    assert desk.agent.state == "available"


def test_the_star_is_no_idle_code():
    desk = Desk().registers()
    assert desk.commands(m.SetIdle("*")).code is Refusal.UNKNOWN_IDLE_CODE
    assert "idle" in desk.agent.allowed()


def test_what_was_wished_is_counted_from_when_it_comes_true():
    desk = Desk(wrap_up=0.0).engaged()
    desk.commands(m.SetIdle("lunch"))
    assert desk.commands(m.SetAvailable()).pending is None
    desk.now += 3600
    desk.hears(m.AgentLegDown(CONTACT))
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    assert desk.told_dispatcher()[0].since == desk.now


def test_a_wish_to_be_available_that_had_to_wait_counts_from_when_it_comes_true():
    desk = Desk(sign_in="manual", wrap_up=0.0).registers()
    desk.commands(m.SetIdle("lunch"))
    desk.hears(m.ContactKept(CONTACT, QUEUE))
    assert desk.commands(m.SetAvailable()).pending == "available"
    desk.now += 60
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.AGENT))
    desk.hears(m.AgentLegDown(CONTACT))
    assert desk.told_dispatcher()[0].since == desk.now


def test_sign_out_in_a_talk_is_pending_and_comes_after_wrap_up():
    desk = Desk().engaged()
    assert desk.commands(m.SignOut()).pending == "signed_out"
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
    desk.hears(m.AgentLegDown(CONTACT))
    assert desk.commands(m.EndWrapUp()).state == "signed_out"


def test_a_phone_that_registers_again_disturbs_no_state():
    desk = Desk().registers()
    desk.commands(m.SetIdle("lunch"))
    assert desk.hears(m.PhonesChanged((TARGET, TARGET))) == []
    assert desk.agent.state == "idle"
    assert desk.commands(m.SignOut()).state == "signed_out"
    assert desk.registers().agent.state == "signed_out"


def test_the_last_phone_gone_signs_out_a_free_agent():
    desk = Desk().registers()
    desk.hears(m.PhonesChanged(()))
    assert desk.agent.state == "signed_out"
    assert desk.told_dispatcher() == [m.AgentUnavailable(AGENT)]


def test_a_new_reservation_is_known_to_the_dispatcher_as_the_end_of_availability():
    """He may have said that he is available again after it was decided; who has not is not
    available any more for whoever has reserved him.
    """
    desk = Desk().registers()
    (told,) = desk.told_dispatcher()
    desk.now += 5
    desk.hears(m.Reserve(CONTACT, QUEUE, desk.now, known_at=told.at))
    assert desk.agent.state == "reserved"
    assert desk.told_dispatcher() == []

    again = Desk().registers()
    again.now += 5
    again.commands(m.SetIdle("lunch"))
    again.commands(m.SetAvailable())
    again.hears(m.Reserve(CONTACT, QUEUE, again.now, known_at=told.at))
    assert again.told_dispatcher() == [m.AgentUnavailable(AGENT)]


def test_a_dispatcher_that_starts_again_is_told_who_is_available():
    desk = Desk().registers()
    desk.now += 5
    desk.hears(m.Restarted("dispatcher"))
    assert desk.told_dispatcher() == [m.AgentAvailable(AGENT, {"english": 5}, 100.0, 1, 105.0)]
    assert desk.hears(m.Restarted("queue/support")) == []
    assert Desk().engaged().hears(m.Restarted("dispatcher")) == []


def test_an_agent_started_again_in_a_talk_is_not_offered_another():
    desk = Desk().registers()
    desk.hears(m.ContactKept(CONTACT, QUEUE))
    assert desk.agent.state == "engaged"
    assert desk.told_dispatcher() == [m.AgentUnavailable(AGENT)]
    assert desk.leases() == [3600.0]


def test_an_agent_reserved_before_he_heard_of_his_talk_gives_the_other_contact_back():
    desk = Desk().registers()
    other = ContactId("c2")
    desk.hears(m.Reserve(other, QUEUE, desk.now))
    desk.hears(m.ContactKept(CONTACT, QUEUE))
    assert TellContact(other, m.AgentLost(other, AGENT)) in desk.effects
    assert CancelTimer(f"lease:{other}") in desk.effects
    assert list(desk.agent.engagements) == [CONTACT]
    assert desk.agent.state == "engaged"


def test_an_agent_who_is_told_twice_of_his_talk_has_it_once():
    desk = Desk().registers()
    desk.hears(m.ContactKept(CONTACT, QUEUE))
    assert desk.hears(m.ContactKept(CONTACT, QUEUE)) == []


def test_a_phone_that_registers_while_he_is_offered_a_contact_is_told_to_it_r14():
    desk = Desk().reserved()
    other = replace(TARGET, path=Path("udp", 0, ("10.0.0.9", 5070)))
    effects = desk.hears(m.PhonesChanged((TARGET, other)))
    assert TellContact(CONTACT, m.PhonesAdded(CONTACT, AGENT, (other,))) in effects
    assert not desk.hears(m.PhonesChanged((other,)))  # one that goes tells nothing new
    assert desk.agent.state == "reserved"


def test_a_phone_that_registers_in_a_talk_concerns_no_contact():
    desk = Desk().engaged()
    other = replace(TARGET, path=Path("udp", 0, ("10.0.0.9", 5070)))
    assert desk.hears(m.PhonesChanged((TARGET, other))) == []


def test_a_withdrawn_offer_costs_no_place_among_the_available():
    desk = Desk().registers()
    since = desk.agent.availability.state.since
    desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
    desk.now += 9
    desk.hears(m.OfferWithdrawn(CONTACT, "ringing"))
    assert desk.told_dispatcher()[0].since == since


def test_the_last_phone_gone_during_a_talk_signs_out_after_it():
    desk = Desk(wrap_up=0.0).engaged()
    desk.hears(m.PhonesChanged(()))
    assert desk.agent.state == "engaged"
    (changed,) = desk.recorded(ev.AgentStateChanged)
    assert changed.pending == "signed_out"
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.AGENT))
    desk.hears(m.AgentLegDown(CONTACT))
    assert desk.agent.state == "signed_out"


def test_a_phone_that_is_back_before_the_end_of_the_talk_stays_signed_in():
    desk = Desk().engaged()
    desk.hears(m.PhonesChanged(()))
    desk.registers()
    (changed,) = desk.recorded(ev.AgentStateChanged)
    assert changed.pending is None
    desk.hears(m.AgentLegDown(CONTACT))
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.AGENT))
    assert desk.commands(m.EndWrapUp()).state == "available"


def test_the_durations_of_all_states_add_up_i9():
    desk = Desk()
    started = desk.now
    lasted = 0.0
    for message in (
        m.PhonesChanged((TARGET,)),
        m.Reserve(CONTACT, QUEUE, 0.0),
        m.OfferAnswered(CONTACT),
        m.ConversationEnded(CONTACT, EndedBy.CUSTOMER),
        m.AgentLegDown(CONTACT),
        TimerFired(f"lease:{CONTACT}"),
    ):
        desk.now += 7
        for effect in desk.hears(message):
            if isinstance(effect, Record) and isinstance(effect.event, ev.AgentStateChanged):
                lasted += effect.event.lasted
    assert lasted == desk.now - started
