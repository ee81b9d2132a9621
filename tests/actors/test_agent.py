"""The agent: commands, pending states, leases, and why a command is refused."""

from __future__ import annotations

from itertools import count

import pytest

from actors import events as ev
from actors import messages as m
from actors.agent import Agent, AgentSettings
from actors.effects import Record, ReplyTo, TellContact, TellDispatcher
from actors.ids import AgentId, ContactId, QueueName
from actors.reasons import EndedBy, OfferFailure, Refusal
from sip.machine import StartTimer, TimerFired
from sip.transport.path import Path

QUEUE = QueueName("support")
CONTACT = ContactId("c1")
TARGET = m.Target("sip:1001@x", "sip:1001@10.0.0.9", Path("udp", 0, ("10.0.0.9", 5060)))


class Desk:
    """An agent whose effects are kept."""

    def __init__(self, sign_in: str = "on_register", wrap_up: float = 10.0) -> None:
        self.now = 100.0
        tickets = count(1)
        settings = AgentSettings(
            AgentId("1001"),
            {"english": 5},
            sign_in,
            ("break", "lunch"),
            {QUEUE: wrap_up},
            18.0,
            3600.0,
        )
        self.agent = Agent(settings, lambda: self.now, lambda: next(tickets))
        self.effects: list = []

    def hears(self, message) -> list:
        self.effects = self.agent.handle(message)
        return self.effects

    def commands(self, command, expect=None):
        self.hears(m.AgentCommandReceived(command, "test", expect))
        return next(e.answer for e in self.effects if isinstance(e, ReplyTo))

    def told_dispatcher(self) -> list:
        return [e.message for e in self.effects if isinstance(e, TellDispatcher)]

    def registers(self) -> Desk:
        self.hears(m.PhonesChanged((TARGET,)))
        return self

    def reserved(self) -> Desk:
        self.registers().hears(m.Reserve(CONTACT, QUEUE, self.now))
        return self

    def engaged(self) -> Desk:
        self.reserved().hears(m.OfferAnswered(CONTACT))
        return self


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
    assert TellContact(CONTACT, m.AgentLost(AgentId("1001"))) in desk.effects
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
    assert (desk.agent.state, desk.agent.availability.code) == ("idle", "lunch")


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


def test_wrap_up_cannot_be_ended_where_there_is_none():
    assert Desk().registers().commands(m.EndWrapUp()).code is Refusal.NOT_IN_WRAP_UP


@pytest.mark.parametrize("code", ["rona", "agent_busy", "phone_lost", "siesta"])
def test_only_configured_idle_codes_can_be_chosen(code):
    assert Desk().registers().commands(m.SetIdle(code)).code is Refusal.UNKNOWN_IDLE_CODE


def test_a_command_that_saw_an_older_version_is_stale():
    desk = Desk().registers()
    version = desk.commands(m.SetIdle("lunch")).version
    desk.commands(m.SetAvailable())
    assert desk.commands(m.SetIdle("break"), expect=version).code is Refusal.STALE
    assert desk.agent.state == "available"


def test_a_withdrawn_offer_costs_no_place_among_the_available():
    desk = Desk().registers()
    since = desk.agent.availability.since
    desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
    desk.now += 9
    desk.hears(m.OfferWithdrawn(CONTACT, "ringing"))
    assert desk.told_dispatcher()[0].since == since


def test_a_media_error_is_not_the_agents_fault():
    desk = Desk().reserved()
    desk.hears(m.OfferFailed(CONTACT, OfferFailure.MEDIA_ERROR))
    assert desk.agent.state == "available"


def test_the_last_phone_gone_during_a_talk_signs_out_after_it():
    desk = Desk(wrap_up=0.0).engaged()
    desk.hears(m.PhonesChanged(()))
    assert desk.agent.state == "engaged"
    desk.hears(m.ConversationEnded(CONTACT, EndedBy.AGENT))
    desk.hears(m.AgentLegDown(CONTACT))
    assert desk.agent.state == "signed_out"


def test_the_durations_of_all_states_add_up_i9():
    desk = Desk()
    started = desk.now
    lasted = 0.0
    for message in (
        m.PhonesChanged((TARGET,)),
        m.Reserve(CONTACT, QUEUE, 0.0),
        m.OfferRinging(CONTACT),
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
